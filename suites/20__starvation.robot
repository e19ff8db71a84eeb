*** Settings ***
Documentation    Starvation is waiting, not counting: how old does the oldest waiting message get?
...
...              Times are in the scenario's own time. The sync consumer is the control: a plain, unrigged loop. The
...              run proves something only because this loop starves the low-volume topic.
Metadata         Scenario    specified.yaml

Resource         ../resources/acceptance.resource

Suite Setup      Run Both Modes

Test Tags        specified


*** Test Cases ***
The Run Should Be Sound
    Run Should Be Sound

The Producer Should Have Kept Its Plan
    Producer Should Have Kept Its Plan

Async Should Serve The Low-Volume Topic Within 5 Seconds
    Oldest Message Should Wait At Most    async    low    5 seconds

Sync Should Let The Low-Volume Topic Wait For More Than 30 Seconds
    Oldest Message Should Wait At Least    sync    low    30 seconds

Async Should Deliver Every Low-Volume Message That Is Due
    Due Messages Should Be Delivered    async    low    5 seconds

Async Should Not Pay For Fairness With Throughput
    Throughput Should Be At Least    async    95%    of=sync
