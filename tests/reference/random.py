"""Random draws: NumPy's generators give other numbers. tests/unit/ops compares their distributions with the exact ones."""

REFERENCES = {}

DRAWS = ["uniform", "normal", "bernoulli", "exponential", "laplace", "logistic", "cauchy", "gumbel", "located", "integers",
         "truncated_normal", "gamma", "log_gamma", "chi2", "beta", "dirichlet", "poisson", "categorical",
         "permutation", "choice", "binomial"]
WITHOUT = {f"random_{name}": "random draws" for name in DRAWS}
