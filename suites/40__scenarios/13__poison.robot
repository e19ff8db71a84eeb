*** Settings ***
Documentation    Messages that can never be written become dead letters; all others are delivered.
Metadata         Scenario    poison.yaml

Resource         ../../resources/acceptance.resource

Suite Setup      Run Both Modes In Real Time

Test Tags        scenarios    delivery    poison


*** Test Cases ***
Async Should Serve The Quiet Topic Within 2 Seconds
    Oldest Message Should Wait At Most    async    low    2 seconds

Async Should Serve Every Partition
    Every Partition Should Be Served Within    async    3 seconds

Async Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    async

Sync Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    sync
