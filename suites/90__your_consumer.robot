*** Settings ***
Documentation    A consumer of your own, in any language, judged by every criterion that its evidence allows:
...              `fairpoll test "./my-consumer --flag"`, or
...              `robot --variable "CONSUMER:./my-consumer --flag" suites/90__your_consumer.robot`.
...
...              docs/reference/consumer-contract.md is the contract. A criterion whose evidence the consumer neither
...              declared nor left is skipped, listed once in the summary, and decides nothing. The plain loop is the control.
Metadata         Scenario    ${SCENARIO}

Resource         ../resources/acceptance.resource

Suite Setup      Run Yours

Test Tags        yours


*** Variables ***
${SCENARIO}                specified.yaml
# Thresholds. `-` leaves out a count or the share.
${HIGH_AT_LEAST}           1 000
${LOW_AT_LEAST}            20
${LOW_AT_MOST}             -
${LOW_SHARE_AT_LEAST}      1%
${WAIT_AT_MOST}            5 seconds
${THROUGHPUT_AT_LEAST}     95%
${SILENT_AT_MOST}          10 seconds
${STOPS_WITHIN}            10 seconds
${MEMORY_GROWS_AT_MOST}    32


*** Test Cases ***
The Run Should Be Sound
    Run Should Be Sound

It Should Stay Alive
    Consumer Should Stay Alive    yours

Its Output Should Be Readable
    Output Should Be Readable    yours

Its Times Should Agree With The Observation
    Clock Should Be Honest    yours

It Should Serve Both
    [Tags]    counts
    Delivery Should Meet    yours    ${HIGH_AT_LEAST}    ${LOW_AT_LEAST}    ${LOW_AT_MOST}    ${LOW_SHARE_AT_LEAST}

It Should Serve The Low-Volume Topic In Time
    Oldest Message Should Wait At Most    yours    low    ${WAIT_AT_MOST}

It Should Deliver Every Low-Volume Message That Is Due
    Due Messages Should Be Delivered    yours    low    ${WAIT_AT_MOST}

It Should Not Pay For Fairness With Throughput
    Throughput Should Be At Least    yours    ${THROUGHPUT_AT_LEAST}    of=sync

It Should Not Stall
    Consumer Should Not Stall    yours    ${SILENT_AT_MOST}

It Should Serve Every Partition
    Every Partition Should Be Served Within    yours    ${SILENT_AT_MOST}

It Should Stop When It Is Asked To
    Consumer Should Stop When Asked Within    yours    ${STOPS_WITHIN}

It Should Not Leak Memory
    Memory Should Grow At Most    yours    ${MEMORY_GROWS_AT_MOST}

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

It Should Deliver Each Message Once
    Skip If    $DELIVERY != 'exactly-once'    it promises delivery at least once, not exactly once
    Each Message Should Be Delivered Once    yours

It Should Keep The Order
    Order Should Be Kept    yours

It Should Deliver Only While Assigned
    Records Should Be Delivered Only While Assigned    yours

It Should Never Commit Ahead
    Commits Should Never Be Ahead    yours

It Should Never Commit Back
    Commits Should Never Go Back    yours

Its Commits Should Have Caught Up
    Commits Should Have Caught Up    yours

It Should Leave The Backlog In The Broker
    Backpressure Should Hold    yours


*** Keywords ***
Run Yours
    [Documentation]    Run the plain loop and your consumer side by side. Skips the tests unless one is given.
    Skip If
    ...    not ($CONSUMER or $IMAGE or $SERVICE) and $ATTACH.lower() != 'yes'
    ...    no consumer is given: run with --variable "CONSUMER:./my-consumer --flag"
    Bring Up The Cluster
    Run Scenario    sync    yours    speed=${SPEED}    names=${NAMES}    &{YOURS}
