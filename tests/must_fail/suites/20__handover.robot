*** Settings ***
Documentation     Defects that show when partitions change hands.

Resource          ../../../resources/acceptance.resource
Library           ../DefectLibrary.py

Suite Setup       Run The Defective Consumers
Suite Teardown    Log The Kill Table
Test Template     Consumer Should Be Caught


*** Test Cases ***                     CONSUMER                               CAUGHT BY                          CONSEQUENCES
Forgets To Resume On Revoke            forgets to resume on revoke            delivers_again                     nothing_lost every_partition_served no_stall commits_caught_up pauses_pair_up
Keeps Buffers Of Revoked Partitions    keeps buffers of revoked partitions    only_while_assigned                no_forbidden_duplicates order_kept commits_never_ahead commits_caught_up commits_never_back nothing_lost buffers_bounded pauses_pair_up
Never Commits Above 0                  never commits above 0                  commits_caught_up                  every_partition_served delivers_again no_stall
Resets To Latest                       resets to latest                       nothing_lost                       commits_never_ahead commits_caught_up delivers_again every_partition_served no_stall
The Built-In Async Consumer            [Template]                             Consumer Should Pass Everything
                                       async
Single Thread                          [Template]                             Consumer Should Pass Everything
                                       single thread
Small Fetches                          [Template]                             Consumer Should Pass Everything
                                       small fetches
One Consumer Per Topic                 [Template]                             Consumer Should Pass Everything
                                       one consumer per topic
Commits After Every Poll               [Template]                             Consumer Should Pass Everything
                                       commits after every poll
Cooperative Rebalancing                [Template]                             Consumer Should Pass Everything
                                       cooperative rebalancing
Reports Its Start Late                 [Template]                             Consumer Should Pass Everything
                                       reports its start late


*** Keywords ***
Run The Defective Consumers
    [Documentation]    Run all of them at once on the same traffic, each in a group of its own.
    Bring Up The Cluster
    Run Consumers On
    ...    handover.yaml
    ...    forgets to resume on revoke
    ...    keeps buffers of revoked partitions
    ...    never commits above 0
    ...    resets to latest
    ...    single thread
    ...    small fetches
    ...    one consumer per topic
    ...    commits after every poll
    ...    cooperative rebalancing
    ...    reports its start late
