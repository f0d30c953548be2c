"""What one turn decides, from the gathered context to what will be committed. Nothing here acts on the world.

Start with `turn`, the order of the steps; then `state`, what they learn and intend, `tools`, what a model may ask
for, and `model_loop`, the model's part. What a turn works with is in `services`.
"""
