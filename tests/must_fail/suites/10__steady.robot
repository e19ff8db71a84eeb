*** Settings ***
Documentation     Defects that show under steady overload: each is caught by the criterion that it violates, by name.

Resource          ../steady.resource

Suite Setup       Run The Defective Consumers
Suite Teardown    Log The Kill Table
Test Template     Consumer Should Be Caught


*** Test Cases ***                     CONSUMER                               CAUGHT BY                          CONSEQUENCES
Arrival Order                          arrival order                          oldest_wait_at_most                every_partition_served
Drains One Partition                   drains one partition                   oldest_wait_at_most                every_partition_served
Static Priority For The Hot Topic      static priority for the hot topic      oldest_wait_at_most                every_partition_served
Holds Low Volume Back                  holds low volume back                  oldest_wait_at_most                every_partition_served no_stall
Stops Polling While The Sink Works     stops polling while the sink works     oldest_wait_at_most                every_partition_served
Newest First                           newest first                           order_kept                         commits_never_ahead commits_caught_up
Freezes One Partition                  freezes one partition                  every_partition_served             nothing_lost pauses_pair_up no_stall throughput_at_least
Stops Delivering                       stops delivering                       no_stall                           every_partition_served oldest_wait_at_most throughput_at_least
Polls Too Seldom                       polls too seldom                       membership_kept                    oldest_wait_at_most every_partition_served no_stall throughput_at_least
Drops On A Full Buffer                 drops on a full buffer                 nothing_lost                       commits_never_ahead pauses_pair_up no_stall every_partition_served
Never Resumes                          never resumes                          pauses_pair_up                     nothing_lost every_partition_served no_stall throughput_at_least
Resumes After Many Polls               resumes after many polls               every_partition_served             nothing_lost pauses_pair_up no_stall throughput_at_least
Ignores The Threshold                  ignores the threshold                  buffers_bounded                    -
Leaks Memory                           leaks memory                           memory_bounded                     -
Slows Everything Down                  slows everything down                  throughput_at_least                -
Counts Only                            counts only                            nothing_lost                       commits_never_ahead oldest_wait_at_most every_partition_served no_stall throughput_at_least
Alters The Payload                     alters the payload                     content_intact                     -
Writes Into The Wrong File             writes into the wrong file             right_place                        -
Writes Twice                           writes twice                           no_forbidden_duplicates            -
Tears A Line                           tears a line                           output_readable                    -
Prints Its Log                         prints its log                         output_readable                    -
Invents Records                        invents records                        only_acked_delivered               order_kept commits_caught_up no_forbidden_duplicates
Skips The First After An Assignment    skips the first after an assignment    nothing_lost                       commits_never_ahead oldest_wait_at_most
Reads Only Partition 0                 reads only partition 0                 nothing_lost                       every_partition_served no_stall throughput_at_least
Commits On Receipt                     commits on receipt                     commits_never_ahead                -
Never Commits                          never commits                          commits_caught_up                  -
Commits The Offset Itself              commits the offset itself              commits_caught_up                  -
Dies In The Traffic                    dies in the traffic                    stays_alive                        nothing_lost oldest_wait_at_most every_partition_served no_stall throughput_at_least commits_caught_up pauses_pair_up
Ignores SIGTERM                        ignores sigterm                        stops_when_asked                   -
The Built-In Async Consumer            [Template]                             Consumer Should Pass Everything
                                       async
Single Thread                          [Template]                             Consumer Should Pass Everything
                                       single thread
Small Fetches                          [Template]                             Consumer Should Pass Everything
                                       small fetches
One Consumer Per Topic                 [Template]                             Consumer Should Pass Everything
                                       one consumer per topic
