*** Settings ***
Documentation     Consumers that ignore their sink's rate prove nothing about service, and are accused of nothing; sinks
...               that keep the rate in another way pass.

Resource          ../steady.resource

Suite Setup       Run The Consumers With Sinks Of Other Designs
Suite Teardown    Log The Kill Table
Test Template     Consumer Should Pass Everything


*** Test Cases ***          CONSUMER
Ignores The Sink Rate       [Template]                  Rate Should Be Ignored
                            ignores the sink rate
A Fifth Too Fast            [Template]                  Rate Should Be Ignored
                            a fifth too fast
Catches Up After A Delay    catches up after a delay
Writes A Poll At Once       writes a poll at once
