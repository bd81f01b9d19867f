/// C51 and QR-DQN against other libraries: losses, errors that priorities follow, and weights of updates at float64.
module Rl.Tests.Golden.DistributionalGolden

open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Learning
open Xunit
open Rl.Tests.Golden.DqnGolden

let private sizes (network: string) (case: GoldenNode) =
    let hidden = case["params"].Ints "hidden" |> Array.toList
    struct ((case["initial_weights"].Shape $"{network}.0.weight")[1], hidden, case["params"].Int "n_actions")

let private replayed (case: GoldenNode) rows =
    let hasErrors = case["steps"].Items |> Seq.exists _.Has("td_for_priority")

    { OffPolicyOptions.defaults with
        BatchSize = rows
        Discount = case["params"].Float "gamma"
        PriorityExponent = if hasErrors then 0.5 else 0.0
    }

let private values (case: GoldenNode) =
    { ValueOptions.defaults with AdamEpsilon = case["params"].Float "adam_eps"; MaxGradientNorm = 0.0 }

let private isTianshou (case: GoldenNode) = case.Text "implementation" = "tianshou"

let private c51 (case: GoldenNode) (rows: int) : UpdatePlan * TransitionColumns =
    let struct (inputs, hidden, actions) = sizes "logits" case
    let settings = case["params"]

    let options =
        { C51Options.defaults with
            OffPolicy = replayed case rows
            Network = { C51Options.defaults.Network with Hidden = hidden }
            Values = values case
            Double = settings.Flag "double"
            Atoms = settings.Int "n_atoms"
            LowestReturn = settings.Float "v_min"
            HighestReturn = settings.Float "v_max"
            LogProbability = if isTianshou case then LogProbability.Offset else LogProbability.Clamped
        }

    let columns = columnsOf inputs
    let network = C51.network options (Space.boxOf -1.0 1.0 [| inputs |]) (Space.discrete actions)
    C51.plan options network columns None, columns

let private qrDqn (case: GoldenNode) (rows: int) : UpdatePlan * TransitionColumns =
    let struct (inputs, hidden, actions) = sizes "quantile" case

    let options =
        { QrDqnOptions.defaults with
            OffPolicy = replayed case rows
            Network = { QrDqnOptions.defaults.Network with Hidden = hidden }
            Values = values case
            // tianshou's online network chooses.
            Double = isTianshou case
            Quantiles = case["params"].Int "n_quantiles"
        }

    let columns = columnsOf inputs
    let network = QrDqn.network options (Space.boxOf -1.0 1.0 [| inputs |]) (Space.discrete actions)
    QrDqn.plan options network columns None, columns

let private isOf (algorithm: string) (case: GoldenNode) = case.Id.Contains algorithm

[<Fact>]
let ``updates of C51 have two libraries' losses, errors and weights`` () =
    updates { Network = "logits"; Plan = c51; Output = id; CopiesFirst = true; Errors = Some "td_for_priority" }
    |> Golden.verifyWhere "update_distributional" (isOf "c51")

[<Fact>]
let ``updates of QR-DQN have two libraries' losses and weights`` () =
    // Stable Baselines3 Contrib has the quantiles of the first level first, then those of the second; ours are action
    // by action. tianshou's priorities follow another error, which knows no levels.
    let run (case: GoldenNode) =
        let quantiles, actions = case["params"].Int "n_quantiles", case["params"].Int "n_actions"

        let output =
            if isTianshou case then
                id
            else
                fun place -> place % quantiles * actions + place / quantiles

        updates { Network = "quantile"; Plan = qrDqn; Output = output; CopiesFirst = false; Errors = None } case

    Golden.verifyWhere "update_distributional" (isOf "qrdqn") run
