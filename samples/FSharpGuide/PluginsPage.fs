/// The code of the page about plugins: a loss of one's own as an algorithm.
module PluginsPage

open Rl.Core.Autodiff
open Rl.Core.Algorithms
open Rl.Core.Learning

let entry =
    PolicyLoss.entry
        {
            Id = "kl-penalised"
            Name = "A penalised policy gradient"
            Summary = "Pays for the divergence from the policy that acted."
            Terms =
                fun samples ->
                    [
                        Term.mean "policyLoss" 1.0 (2.0 * samples.ApproximateKl - samples.Ratio * samples.Advantages)
                        Term.mean "valueLoss" 0.25 (Expr.square (samples.Value - samples.Returns))
                    ]
        }

/// What it is called.
let show () = printfn $"{entry.Id}: {entry.Summary}"
