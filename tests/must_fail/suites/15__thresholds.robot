*** Settings ***
Documentation     Criteria with a threshold: one consumer fails it, and another passes with the same threshold. Where
...               a control has to be served badly, it is the good consumer that fails.

Resource          ../steady.resource

Suite Setup       Run The Consumers With Defects Of Service
Suite Teardown    Log The Kill Table
Test Template     Criterion Should Fail


*** Test Cases ***                CRITERION                         CONSUMER                             PASSING                              THRESHOLDS
Delivered At Least                delivered_at_least                static priority for the hot topic    async                                volume=low    records=20
Delivered At Most                 delivered_at_most                 async                                static priority for the hot topic    volume=low    records=10
Share At Least                    share_at_least                    static priority for the hot topic    async                                volume=low    share=0.02
Oldest Wait At Least              oldest_wait_at_least              async                                static priority for the hot topic    volume=low    seconds=4
Oldest Wait At Most Times Solo    oldest_wait_at_most_times_solo    static priority for the hot topic    async                                volume=low    times=4
Latency At Most                   latency_at_most                   static priority for the hot topic    async                                volume=low    percentile=90    seconds=2
Service At Least                  service_at_least                  static priority for the hot topic    async                                volume=low    share=0.5
Due Messages Delivered            due_messages_delivered            static priority for the hot topic    async                                volume=low    seconds=2
Membership Lost                   membership_lost                   async                                polls too seldom
