"""Age and other regression targets: heads, losses and backbones around the one ARN layer.

Needs torch. `sr_arn.age` shares `sr_arn.nn` with super-resolution and nothing else.
"""
