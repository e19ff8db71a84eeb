*** Settings ***
Documentation    A hundred topics, one of them hot: none of the others may be neglected.
Metadata         Scenario    hundred_topics.yaml

Resource         ../../resources/acceptance.resource

Suite Setup      Run Both Modes In Real Time

Test Tags        scenarios    delivery


*** Test Cases ***
Async Should Serve All Quiet Topics Within 3 Seconds
    Oldest Message Should Wait At Most    async    low    3 seconds

Async Should Serve Every Partition
    Every Partition Should Be Served Within    async    3 seconds

Async Should Leave The Backlog In The Broker
    Backpressure Should Hold    async

Async Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    async

Sync Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    sync
