*** Settings ***
Documentation     Consumers that leave partitions without an owner for longer than the protocol needs.

Resource          ../../../resources/acceptance.resource
Library           ../DefectLibrary.py

Suite Setup       Run The Slow Consumers
Suite Teardown    Log The Kill Table
Test Template     Consumer Should Be Caught


*** Test Cases ***             CONSUMER                      CAUGHT BY                          CONSEQUENCES
Warms Up 8 S At Each Start     warms up 8 s at each start    delivers_again                     every_partition_served no_stall
Cleans Up 8 S On Revoke        cleans up 8 s on revoke       every_partition_served             delivers_again no_stall
The Built-In Async Consumer    [Template]                    Consumer Should Pass Everything
                               async
Starts In A Second             [Template]                    Consumer Should Pass Everything
                               starts in a second
Cooperative Rebalancing        [Template]                    Consumer Should Pass Everything
                               cooperative rebalancing


*** Keywords ***
Run The Slow Consumers
    [Documentation]    Run them at once on the same traffic, each in a group of its own.
    Bring Up The Cluster
    Run Consumers On
    ...    slow_handover.yaml
    ...    warms up 8 s at each start
    ...    cleans up 8 s on revoke
    ...    starts in a second
    ...    cooperative rebalancing
