*** Settings ***
Documentation    A consumer of yours, in any language, judged by every criterion that its evidence allows:
...              `robot --variable "CONSUMER:./my-consumer --flag" suites/90__your_consumer.robot`.
...
...              docs/reference/consumer-contract.md tells how it is told what to do, and what it may tell. What cannot be judged
...              from what it tells is INCONCLUSIVE by name. The plain loop beside it is the control.

Resource         ../resources/acceptance.resource

Suite Setup      Run Yours On The Specified Scenario

Test Tags        yours


*** Test Cases ***
The Run Should Be Sound
    Run Should Be Sound

It Should Serve Both
    Delivery Should Meet    yours    1 000    20    -    1%

It Should Serve The Low-Volume Topic Within 5 Seconds
    Oldest Message Should Wait At Most    yours    low    5 seconds

It Should Deliver Every Low-Volume Message That Is Due
    Due Messages Should Be Delivered    yours    low    5 seconds

It Should Not Pay For Fairness With Throughput
    Throughput Should Be At Least    yours    95%    of=sync

It Should Not Stall
    Consumer Should Not Stall    yours    10 seconds

It Should Serve Every Partition
    Every Partition Should Be Served Within    yours    10 seconds

It Should Lose Nothing
    Nothing Should Be Lost    yours

It Should Keep Content Intact
    Content Should Be Intact    yours

It Should Deliver Only What Was Acked
    Only Acked Messages Should Be Delivered    yours

It Should Put Records In The Right Place
    Records Should Be In The Right Place    yours

It Should Repeat Nothing Without Need
    No Forbidden Duplicates Should Be Delivered    yours

It Should Keep The Order
    Order Should Be Kept    yours

It Should Deliver Only While Assigned
    Records Should Be Delivered Only While Assigned    yours

It Should Never Commit Ahead
    Commits Should Never Be Ahead    yours

Its Commits Should Have Caught Up
    Commits Should Have Caught Up    yours

It Should Leave The Backlog In The Broker
    Backpressure Should Hold    yours


*** Keywords ***
Run Yours On The Specified Scenario
    [Documentation]    Only where one is given. The plain loop beside it is the control.
    Skip If    $CONSUMER == ''    no consumer is given: run with --variable "CONSUMER:./my-consumer --flag"
    Bring Up The Cluster
    Run Scenario
    ...    specified.yaml
    ...    sync
    ...    yours
    ...    speed=${SPEED}
    ...    consumer=${CONSUMER}
    ...    fields=${CONSUMER_FIELDS}
    ...    consumer_name=${CONSUMER_NAME}
