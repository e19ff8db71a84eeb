*** Settings ***
Documentation    One partition of a topic gets nearly all messages: the other partitions must not wait behind it.
Metadata         Scenario    hot_partition.yaml

Resource         ../../resources/acceptance.resource

Suite Setup      Run Both Modes In Real Time

Test Tags        scenarios    delivery


*** Test Cases ***
Async Should Serve Every Partition
    Every Partition Should Be Served Within    async    3 seconds

Async Should Serve The Quiet Topic Within 2 Seconds
    Oldest Message Should Wait At Most    async    low    2 seconds

Async Should Leave The Backlog In The Broker
    Backpressure Should Hold    async

Async Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    async

Sync Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    sync
