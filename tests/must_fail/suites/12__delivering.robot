*** Settings ***
Documentation     Defects of delivery under steady overload: each is caught by the criterion that it violates, by name.

Resource          ../steady.resource

Suite Setup       Run The Consumers With Defects Of Delivery
Suite Teardown    Log The Kill Table
Test Template     Consumer Should Be Caught


*** Test Cases ***                     CONSUMER                               CAUGHT BY                          CONSEQUENCES
Newest First                           newest first                           order_kept                         commits_never_ahead commits_caught_up commits_never_back
Drops On A Full Buffer                 drops on a full buffer                 nothing_lost                       commits_never_ahead pauses_pair_up no_stall every_partition_served
Counts Only                            counts only                            nothing_lost                       commits_never_ahead oldest_wait_at_most every_partition_served no_stall throughput_at_least
Alters The Payload                     alters the payload                     content_intact                     -
Writes Into The Wrong File             writes into the wrong file             right_place                        -
Writes Twice                           writes twice                           no_forbidden_duplicates            -
Delivered Once                         [Template]                             Criterion Should Fail
                                       delivered_once                         writes twice                       async
Tears A Line                           tears a line                           output_readable                    -
Prints Its Log                         prints its log                         output_readable                    -
Invents Records                        invents records                        only_acked_delivered               order_kept commits_caught_up no_forbidden_duplicates
Skips The First After An Assignment    skips the first after an assignment    nothing_lost                       commits_never_ahead oldest_wait_at_most
Begins At The End Of The Log           begins at the end of the log           nothing_lost                       commits_never_ahead
Reads Only Partition 0                 reads only partition 0                 nothing_lost                       every_partition_served no_stall throughput_at_least
One Consumer Per Topic                 [Template]                             Consumer Should Pass Everything
                                       one consumer per topic
Commits At The End Of A Batch          [Template]                             Consumer Should Pass Everything
                                       commits at the end of a batch
