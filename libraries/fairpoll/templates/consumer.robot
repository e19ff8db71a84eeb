*** Settings ***
Documentation    Judges my consumer on a scenario of its own. `robot consumer.robot` runs it; each test is one claim.
Metadata         Scenario    scenario.yaml

Resource         fairpoll/acceptance.resource

Suite Setup      Run My Consumer

Test Tags        mine


*** Variables ***
# The command to judge. Replace it: this is the built-in fair consumer.
${CONSUMER}         fairpoll consume --mode async --controlled
${CONSUMER_NAME}    my-consumer


*** Test Cases ***
The Run Should Be Sound
    Run Should Be Sound

Alerts Should Not Wait For The Backlog
    Oldest Message Should Wait At Most    yours    alerts    2 seconds

Nothing Should Be Lost, Repeated Or Reordered
    Every Delivery Guarantee Should Hold    yours

Fairness Should Cost No Throughput
    Throughput Should Be At Least    yours    90%    of=sync

It Should Not Stall
    Consumer Should Not Stall    yours    3 seconds


*** Keywords ***
Run My Consumer
    [Documentation]    Run the plain loop, the control, and my consumer side by side on the same traffic.
    Bring Up The Cluster
    Run Scenario    sync    yours    speed=${SPEED}    &{YOURS}
