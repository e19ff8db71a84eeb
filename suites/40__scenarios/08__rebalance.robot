*** Settings ***
Documentation    A second member joins and leaves while partitions are paused.
Metadata         Scenario    rebalance.yaml

Resource         ../../resources/acceptance.resource

Suite Setup      Run Both Modes In Real Time

Test Tags        scenarios    delivery    rebalance


*** Test Cases ***
Async Should Deliver Again Within 6 Seconds
    Consumer Should Deliver Again Within    async    6 seconds

Async Should Serve Every Partition
    Every Partition Should Be Served Within    async    6 seconds

Async Should Stay In Its Group
    Group Membership Should Be Kept    async

Async Should Leave The Backlog In The Broker
    Backpressure Should Hold    async

Async Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    async

Sync Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    sync
