*** Settings ***
Documentation    A backlog of 200,000 messages stays in the broker, not in the consumer's memory.

Resource         ../../resources/acceptance.resource

Suite Setup      Run Both Modes On    large_backlog.yaml

Test Tags        scenarios    backpressure


*** Test Cases ***
Async Should Stay Below 160 MiB
    Memory Should Stay Below    async    160

Async Should Serve The Quiet Topic Within 2 Seconds
    Oldest Message Should Wait At Most    async    low    2 seconds

Async Should Leave The Backlog In The Broker
    Backpressure Should Hold    async
