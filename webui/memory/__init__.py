"""How a model is placed into a device's memory: estimates and plans, pure functions of sizes."""
