"""The generative model: noise schedule, loss, sampler, and the forecaster made of them. Files and training live in training."""
