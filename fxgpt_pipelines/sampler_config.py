"""How paths are sampled, as a setting of the assets that sample them."""

import dagster as dg


class SamplerConfig(dg.Config):
    """`n_paths` sampled futures by `n_steps` of a `sampler` (euler, heun, ddpm, ddim with its `eta`) along a noise `schedule`
    (linear, cosine, sigmoid; empty: the model's); `guidance` by the context, 1 is as trained; `temperature` of the noise;
    `ensemble`: all members of the model or its first.
    """

    # The fields and defaults of fxgpt_core.diffusion.sampling_parameters, which a definition may not import: it loads torch.
    n_paths: int = 64
    n_steps: int = 2
    sampler: str = "euler"
    schedule: str = ""
    eta: float = 0.0
    guidance: float = 1.0
    temperature: float = 1.0
    ensemble: bool = True
