*** Settings ***
Documentation    A consumer that is stopped cleanly and restarted, twice, loses and repeats nothing, and goes on committing.
Metadata         Scenario    restart.yaml

Resource         ../../resources/acceptance.resource

Suite Setup      Run Both Modes In Real Time

Test Tags        scenarios    delivery    restart


*** Test Cases ***
Async Should Deliver Again Within 5 Seconds
    Consumer Should Deliver Again Within    async    5 seconds

Async Should Stay In Its Group
    Group Membership Should Be Kept    async

Async Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    async

Sync Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    sync
