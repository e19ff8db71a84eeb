*** Settings ***
Documentation     Defects of service under steady overload: each is caught by the criterion that it violates, by name.

Resource          ../steady.resource

Suite Setup       Run The Consumers With Defects Of Service
Suite Teardown    Log The Kill Table
Test Template     Consumer Should Be Caught


*** Test Cases ***                    CONSUMER                              CAUGHT BY                          CONSEQUENCES
Arrival Order                         arrival order                         oldest_wait_at_most                every_partition_served
Drains One Partition                  drains one partition                  oldest_wait_at_most                every_partition_served
Static Priority For The Hot Topic     static priority for the hot topic     oldest_wait_at_most                every_partition_served
Holds Low Volume Back                 holds low volume back                 oldest_wait_at_most                every_partition_served no_stall
Stops Polling While The Sink Works    stops polling while the sink works    oldest_wait_at_most                every_partition_served
Freezes One Partition                 freezes one partition                 every_partition_served             nothing_lost pauses_pair_up no_stall throughput_at_least
Stops Delivering                      stops delivering                      no_stall                           every_partition_served oldest_wait_at_most throughput_at_least
Polls Too Seldom                      polls too seldom                      membership_kept                    oldest_wait_at_most every_partition_served no_stall throughput_at_least
Resumes After Many Polls              resumes after many polls              every_partition_served             nothing_lost pauses_pair_up no_stall throughput_at_least
Slows Everything Down                 slows everything down                 throughput_at_least                -
The Built-In Async Consumer           [Template]                            Consumer Should Pass Everything
                                      async
Single Thread                         [Template]                            Consumer Should Pass Everything
                                      single thread
Small Fetches                         [Template]                            Consumer Should Pass Everything
                                      small fetches
