"""What was made, by what code from what inputs, what is deployed and what it decided: the ledger, the lake, MLflow.

Not here: how anything is computed (the rooms above and beside), when it runs (`fxgpt_pipelines`), how an order is sent (`live`).
"""
