*** Settings ***
Documentation    A batch takes longer than max.poll.interval.ms: a consumer that does not poll meanwhile is evicted.
Metadata         Scenario    slow_handler.yaml

Resource         ../../resources/acceptance.resource

Suite Setup      Run Both Modes In Real Time

Test Tags        scenarios    delivery    rebalance


*** Test Cases ***
Async Should Stay In Its Group
    Group Membership Should Be Kept    async

Sync Should Be Evicted From Its Group
    Group Membership Should Be Lost    sync

Async Should Serve The Quiet Topic Within 3 Seconds
    Oldest Message Should Wait At Most    async    low    3 seconds

Async Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    async

Sync Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    sync
