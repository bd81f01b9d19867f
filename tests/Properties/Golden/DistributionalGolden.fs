/// C51, QR-DQN, IQN and FQF against other libraries: losses, errors that priorities follow, and weights of updates at
/// float64.
module Rl.Tests.Golden.DistributionalGolden

open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Learning
open Xunit
open Rl.Tests.Golden.AlgorithmNetworks
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

let private values (case: GoldenNode) (rows: int) (hidden: int list) : ValueOptions =
    { ValueOptions.defaults with
        OffPolicy = replayed case rows
        Network.Hidden = hidden
        AdamEpsilon = case["params"].Float "adam_eps"
        MaxGradientNorm = 0.0
    }

let private isTianshou (case: GoldenNode) = case.Text "implementation" = "tianshou"

let private c51 (case: GoldenNode) (rows: int) : UpdatePlan * TransitionColumns =
    let struct (inputs, hidden, actions) = sizes "logits" case
    let settings = case["params"]

    let options =
        { C51Options.defaults with
            Values = values case rows hidden
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
            Values = values case rows hidden
            // tianshou's online network chooses.
            Double = isTianshou case
            Quantiles = case["params"].Int "n_quantiles"
        }

    let columns = columnsOf inputs
    let network = QrDqn.network options (Space.boxOf -1.0 1.0 [| inputs |]) (Space.discrete actions)
    QrDqn.plan options network columns None, columns

let private iqn (case: GoldenNode) (rows: int) : UpdatePlan * TransitionColumns =
    let settings = case["params"]
    let inputs = (case["initial_weights"].Shape "q.trunk.0.weight")[1]
    let actions = (case["initial_weights"].Shape "q.head.1.bias")[0]

    let options =
        { IqnOptions.defaults with
            Values = values case rows (settings.Ints "hidden" |> Array.toList)
            // tianshou's online network chooses.
            Double = true
            Quantiles = settings.Int "current_samples"
            TargetQuantiles = settings.Int "target_samples"
            ChoiceQuantiles = settings.Int "action_samples"
            Cosines = settings.Int "n_cosines"
        }

    let columns = columnsOf inputs
    let network = Iqn.network options (Space.boxOf -1.0 1.0 [| inputs |]) (Space.discrete actions)
    Iqn.plan options network columns None, columns

let private fqf (case: GoldenNode) (rows: int) : UpdatePlan * TransitionColumns =
    let settings = case["params"]
    let inputs = (case["initial_weights"].Shape "q.trunk.0.weight")[1]
    let actions = (case["initial_weights"].Shape "q.head.1.bias")[0]

    let options =
        { FqfOptions.defaults with
            Values =
                { values case rows (settings.Ints "hidden" |> Array.toList) with
                    Rate.LearningRate = RateSchedule.Constant(settings.Float "lr")
                    // Its priorities follow another error.
                    OffPolicy.PriorityExponent = 0.0
                }
            // tianshou's online network chooses.
            Double = true
            Fractions = settings.Int "n_fractions"
            Cosines = settings.Int "n_cosines"
            FractionLearningRate = RateSchedule.Constant(settings.Float "fraction_lr")
            FractionOptimiser = FractionOptimiser.Adam
            FractionSlope = FractionSlope.Signed
            FractionEntropy = RateSchedule.Constant(settings.Float "entropy_coef")
        }

    let columns = columnsOf inputs
    let network = Fqf.network options (Space.boxOf -1.0 1.0 [| inputs |]) (Space.discrete actions)
    Fqf.plan options network columns None, columns

let private isOf (algorithm: string) (case: GoldenNode) = case.Id.Contains algorithm

[<Fact>]
let ``updates of C51 have two libraries' losses, errors and weights`` () =
    updates
        {
            Network = "logits"
            Plan = c51
            Output = id
            CopiesFirst = true
            Errors = Some "td_for_priority"
            Columns = noColumns
        }
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

        updates
            {
                Network = "quantile"
                Plan = qrDqn
                Output = output
                CopiesFirst = false
                Errors = None
                Columns = noColumns
            }
            case

    Golden.verifyWhere "update_distributional" (isOf "qrdqn") run

[<Fact>]
let ``updates of IQN have tianshou's losses and weights`` () =
    let columns (case: GoldenNode) (step: GoldenNode) (data: Map<string, Tensor>) =
        let settings, draws = case["params"], step["draws"]

        let levels (name: string) =
            let rows = [| for row in draws[name].Items -> row.AsArray.Values |]
            Tensor.create [| rows.Length; rows[0].Length |] (Array.concat rows)

        // tianshou sums over the targets and takes the mean over the quantiles that move; the paper, and ours, the
        // other way round. Importance weights make one the other.
        let other = settings.Float "target_samples" / settings.Float "current_samples"
        let weights = data[DrawnColumns.weights.Name].ToArray()

        data
        |> Map.add "levels" (levels "taus_current")
        |> Map.add "nextLevels" (levels "taus_target")
        |> Map.add "choiceLevels" (levels "taus_action_selection")
        |> Map.add DrawnColumns.weights.Name (Tensor.vector (weights |> Array.map ((*) other)))

    // Its priorities follow another error, which knows no levels.
    updates { Network = "q"; Plan = iqn; Output = id; CopiesFirst = false; Errors = None; Columns = columns }
    |> Golden.verifyWhere "update_distributional" (isOf "iqn")

[<Fact>]
let ``updates of FQF have tianshou's losses and weights of both networks`` () =
    let run (case: GoldenNode) =
        let weights, settings = case["initial_weights"], case["params"]
        let order (name: string) = texts case["flat_order"].[name]
        let layout name flat = toLayout id (order name) weights flat
        let first name = layout name (concatenated (order name) weights)
        let close what expected actual = Golden.close 1e-9 1e-9 case what expected actual
        let mutable online, proposal, target = first "q", first "fraction", first "target_q"
        let mutable moments = Map.empty

        for step in case["steps"].Items do
            let rows = (step["batch"].Ints "indices").Length
            let plan, columns = fqf case rows

            let data =
                tensorsOf rows (batchOf case columns step)
                |> Map.add "learningRate" (Tensor.create [||] [| settings.Float "lr" |])

            let struct (output, moved, kept) = run plan data (Array.append online proposal) target moments
            let entropy = step.Float "entropy"
            let distance = step.Float "fraction_loss"
            close "loss" [| step.Float "quantile_loss" |] [| (output "valueLoss").Scalar |]
            close "entropy" [| entropy |] [| (output "fractionEntropy").Scalar |]
            let total = distance - settings.Float "entropy_coef" * entropy
            close "fraction loss" [| total |] [| (output "fractionLoss").Scalar |]
            // Copied before the step, after the targets.
            if step.Flag "target_updated_before_step" then target <- online
            online <- Array.take online.Length moved
            proposal <- Array.skip online.Length moved
            moments <- kept
            let after = step["weights_after"]
            close "weights" (layout "q" (after.Floats "q")) online
            close "proposal" (layout "fraction" (after.Floats "fraction")) proposal
            close "target" (layout "target_q" (after.Floats "target_q")) target

    Golden.verifyWhere "update_distributional" (isOf "fqf") run
