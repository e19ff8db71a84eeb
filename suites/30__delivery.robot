*** Settings ***
Documentation    Neither consumer loses, repeats, reorders or stalls anything; judged on the same recording.
Metadata         Scenario    specified.yaml

Resource         ../resources/acceptance.resource

Suite Setup      Run Both Modes

Test Tags        specified    delivery


*** Test Cases ***
Async Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    async

Sync Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    sync

Async Should Leave The Backlog In The Broker
    Backpressure Should Hold    async

Async Should Serve Every Partition
    Every Partition Should Be Served Within    async    10 seconds

Async Should Not Stall
    Consumer Should Not Stall    async    10 seconds

Sync Should Not Stall
    Consumer Should Not Stall    sync    10 seconds
