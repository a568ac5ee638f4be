"""How the starter model is made: `python -m models.starter.training STAGE --help`.

compose     look at the pictures and captions that the other stages learn from
words       a frozen token table in which words of one meaning lie together
autoencoder pictures to latents and back
denoiser    latents from words: the U-Net and the text encoder
export      a diffusers folder that ordinary pipelines load
sheet       sample pictures of such a folder

A run lives in one folder (--run). Calling a stage again goes on where it stopped. Nothing is ever pickled: weights,
optimiser state and tables are safetensors.
"""
