*** Settings ***
Documentation     Consumers that state other times than those of their deliveries: they are judged by what was observed.

Resource          ../steady.resource

Suite Setup       Run The Consumers That State Other Times
Suite Teardown    Log The Kill Table
Test Template     Consumer Should Be Caught


*** Test Cases ***               CONSUMER                         CAUGHT BY                          CONSEQUENCES
Backdates                        backdates                        clock_honest                       oldest_wait_at_most every_partition_served no_stall
Starves Though It Backdates      backdates                        oldest_wait_at_most                clock_honest every_partition_served no_stall
States The Receipt               states the receipt               clock_honest                       -
States The Timestamp             states the timestamp             clock_honest                       -
States Seconds                   states seconds                   clock_honest                       -
An Hour Slow                     an hour slow                     clock_honest                       -
Commits Before It Flushes        commits before it flushes        commits_never_ahead                clock_honest oldest_wait_at_most every_partition_served no_stall throughput_at_least
Rounds And Commits On Receipt    rounds and commits on receipt    commits_never_ahead                -
Flushes Before It Commits        [Template]                       Consumer Should Pass Everything
                                 flushes before it commits
Rounds Its Times                 [Template]                       Consumer Should Pass Everything
                                 rounds its times
States A Batch's End             [Template]                       Consumer Should Pass Everything
                                 states a batch's end
