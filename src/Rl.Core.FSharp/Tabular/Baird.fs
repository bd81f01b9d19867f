/// Baird's counterexample: seven states on which off-policy TD with linear features diverges.
namespace Rl.Core.Tabular


/// Action 0, dashed, leads to each of the first six states alike; action 1, solid, to the seventh. Rewards are 0, so
/// the weights 0 are right, and the features can represent them. Source: Baird, "Residual algorithms" (1995), as in
/// Sutton and Barto (2018), example 11.1.
[<RequireQualifiedAccess>]
module Baird =

    /// The process, `Textbook.baird`; `discount` is 0.99 in the book.
    let mdp (discount: float) : Mdp = Textbook.baird discount

    /// 2 wᵢ + w₈ of the first six states, w₇ + 2 w₈ of the seventh: [7, 8].
    let features: LinearFeatures = LinearFeatures.create 8 Textbook.bairdFeatures

    /// The policy of the data: dashed with the probability 6/7, which visits all states alike.
    let behaviour: TabularPolicy =
        TabularPolicy.create 7 2 (Array.init 14 (fun pair -> if pair % 2 = 0 then 6.0 / 7.0 else 1.0 / 7.0))

    /// The policy that is judged: always solid.
    let target: TabularPolicy = TabularPolicy.deterministic 2 (Array.create 7 1)

    /// The book's first weights (1, 1, 1, 1, 1, 1, 10, 1).
    let initialWeights: float[] = [| 1.0; 1.0; 1.0; 1.0; 1.0; 1.0; 10.0; 1.0 |]
