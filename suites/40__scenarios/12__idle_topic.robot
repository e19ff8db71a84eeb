*** Settings ***
Documentation    A topic that was silent for most of the run wakes up: its first message must not wait.
Metadata         Scenario    idle_topic.yaml

Resource         ../../resources/acceptance.resource

Suite Setup      Run Both Modes In Real Time

Test Tags        scenarios    delivery


*** Test Cases ***
Async Should Serve The Idle Topic Within 2 Seconds
    Oldest Message Should Wait At Most    async    low    2 seconds

Async Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    async

Sync Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    sync
