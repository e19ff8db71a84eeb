*** Settings ***
Documentation    A backlog of 200,000 messages stays in the broker, not in the consumer's memory.
Metadata         Scenario    large_backlog.yaml

Resource         ../../resources/acceptance.resource

Suite Setup      Run On A Real Broker

Test Tags        scenarios    backpressure    real-broker


*** Test Cases ***
Async Should Stay Below 160 MiB
    Memory Should Stay Below    async    160

Async Should Serve The Quiet Topic Within 2 Seconds
    Oldest Message Should Wait At Most    async    low    2 seconds

Async Should Leave The Backlog In The Broker
    Backpressure Should Hold    async


*** Keywords ***
Run On A Real Broker
    [Documentation]    The mock would drop three quarters of the backlog; the run would prove nothing.
    Bring Up The Cluster
    Require Real Broker    the mock keeps only 5 MB of a partition
    Run Both Modes In Real Time
