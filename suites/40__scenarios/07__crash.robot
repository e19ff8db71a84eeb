*** Settings ***
Documentation    After SIGKILL with full buffers, uncommitted records are redelivered and committed ones are not.
Metadata         Scenario    crash.yaml

Resource         ../../resources/acceptance.resource

Suite Setup      Run Both Modes In Real Time

Test Tags        scenarios    delivery    restart


*** Test Cases ***
Async Should Deliver Again Within 8 Seconds
    Consumer Should Deliver Again Within    async    8 seconds

Async Should Leave The Backlog In The Broker
    Backpressure Should Hold    async

Async Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    async

Sync Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    sync
