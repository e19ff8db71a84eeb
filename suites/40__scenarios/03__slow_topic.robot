*** Settings ***
Documentation    A sink that is slow for one topic: the other topic must get its share of the sink's time.
Metadata         Scenario    slow_topic.yaml

Resource         ../../resources/acceptance.resource

Suite Setup      Run Both Modes In Real Time

Test Tags        scenarios    delivery


*** Test Cases ***
Async Should Serve The Quick Topic Within 3 Seconds
    Oldest Message Should Wait At Most    async    low    3 seconds

Async Should Deliver Nine In Ten Quick Messages
    Service Should Be At Least    async    low    90%

Async Should Leave The Backlog In The Broker
    Backpressure Should Hold    async

Async Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    async

Sync Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    sync
