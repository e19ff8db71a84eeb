*** Settings ***
Documentation     Defects of commits and membership that only a broker's own log of its groups shows: four samples a
...               second miss them, and the consumers report nothing.

Resource          ../../../resources/acceptance.resource
Library           ../DefectLibrary.py

Suite Setup       Run The Observed Consumers
Suite Teardown    Log The Kill Table
Test Template     Consumer Should Be Caught

Test Tags         real-broker


*** Test Cases ***            CONSUMER                      CAUGHT BY                             CONSEQUENCES
Commits One Ahead             commits one ahead             commits_never_ahead                   -
Commits Past Each Other       commits past each other       commits_never_back                    -
Evicted Without A Callback    evicted without a callback    membership_kept                       oldest_wait_at_most every_partition_served no_stall throughput_at_least
Commits At Once               [Template]                    Consumer Should Pass Everything
                              commits at once
No Assignment Events          [Template]                    Consumer Should Pass Everything
                              no assignment events
Assigns Itself                [Template]                    Consumer Should Pass What It Shows
                              assigns itself                commits_never_ahead                   commits_never_back                                                         commits_caught_up
A Process For Each Topic      [Template]                    Consumer Should Pass Everything
                              a process for each topic
A Group For Each Topic        [Template]                    Consumer Should Pass What It Shows
                              a group for each topic        commits_never_ahead                   commits_never_back                                                         commits_caught_up


*** Keywords ***
Run The Observed Consumers
    [Documentation]    Run all of them at once on the same traffic, each in a group of its own.
    Bring Up The Cluster
    Run Consumers On
    ...    steady.yaml
    ...    commits one ahead
    ...    commits past each other
    ...    evicted without a callback
    ...    commits at once
    ...    no assignment events
    ...    assigns itself
    ...    a group for each topic
    ...    a process for each topic
