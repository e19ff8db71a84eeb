*** Settings ***
Documentation    More messages come than the sink can take: the shortage must not fall on the quiet topic alone.
Metadata         Scenario    overload.yaml

Resource         ../../resources/acceptance.resource

Suite Setup      Run Both Modes In Real Time

Test Tags        scenarios    delivery


*** Test Cases ***
Async Should Serve The Quiet Topic Within 2 Seconds
    Oldest Message Should Wait At Most    async    low    2 seconds

Async Should Deliver Nine In Ten Quiet Messages
    Service Should Be At Least    async    low    90%

Async Should Serve Every Partition
    Every Partition Should Be Served Within    async    3 seconds

Async Should Not Pay For Fairness With Throughput
    Throughput Should Be At Least    async    90%    of=sync

Async Should Leave The Backlog In The Broker
    Backpressure Should Hold    async

Async Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    async

Sync Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    sync
