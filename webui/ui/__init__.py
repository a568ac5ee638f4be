"""The page: Gradio blocks, our own components, and what the browser runs. The only room that imports gradio."""
