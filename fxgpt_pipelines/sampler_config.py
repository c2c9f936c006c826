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


class SssdConfig(dg.Config):
    """The same sampler in the strategy's names, without their prefix `sssd_`: `diffusion_steps` of `sampling_method` (ddpm, ddim)
    along `noise_schedule`; `guidance_scale`; `temperature`; `min_samples` paths; `use_ensemble`.
    """

    # The fields and defaults of fxgpt_core.diffusion.sssd_parameters, which loads torch as well.
    diffusion_steps: int = 50
    noise_schedule: str = "linear"
    sampling_method: str = "ddpm"
    guidance_scale: float = 1.0
    temperature: float = 1.0
    min_samples: int = 200
    use_ensemble: bool = True
