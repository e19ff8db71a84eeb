*** Settings ***
Documentation    The sink nearly stops and recovers: paused partitions must deliver again.
Metadata         Scenario    backpressure.yaml

Resource         ../../resources/acceptance.resource

Suite Setup      Run Both Modes In Real Time

Test Tags        scenarios    delivery    backpressure


*** Test Cases ***
Async Should Deliver Again Within 3 Seconds
    Consumer Should Deliver Again Within    async    3 seconds

Async Should Not Stall
    Consumer Should Not Stall    async    5 seconds

Async Should Leave The Backlog In The Broker
    Backpressure Should Hold    async

Async Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    async

Sync Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    sync
