/// Plain parallelised Q-learning: one step and one sample at a time, with returns as a mixture that is written out.
namespace Rl.Tests.Algorithms.Twins

open Rl.Core.Algorithms
open Rl.Core.Foundations

/// A step that is learned from.
type PlainValueStep =
    {
        Raw: float[]
        Action: int
        Reward: float
        Terminated: bool
        Truncated: bool
        /// maxₐ Q(s, a) over what is possible.
        Value: float
        /// maxₐ Q(s′, a) over what is possible; nothing where nobody knows what is.
        After: float option
    }

/// Plain parallelised Q-learning (Gallici et al. 2025, algorithm 1).
[<RequireQualifiedAccess>]
module PlainPqn =

    let private isPossible (mask: bool[]) choice = mask.Length = 0 || mask[choice]

    let private best (mask: bool[]) (q: float[]) =
        [| 0 .. q.Length - 1 |] |> Array.filter (isPossible mask) |> Array.maxBy (fun choice -> q[choice])

    /// The return of a step from those that follow it in its copy; nothing where it cannot be known.
    let private returnOf discount lambda (steps: PlainValueStep list) : float option =
        let rec go (steps: PlainValueStep list) =
            match steps with
            | [] -> None
            | step :: rest ->
                if step.Terminated then
                    Some step.Reward
                else
                    step.After
                    |> Option.map (fun after ->
                        let later = if step.Truncated then None else go rest
                        let mixed = (1.0 - lambda) * after + lambda * Option.defaultValue after later
                        step.Reward + discount * mixed)

        go steps

    /// A transition.
    let transition (c: PqnOptions) (view: TwinView) : Expected =
        let network, state = view.Network, view.State
        let world = TwinWorld(view.Environment, state)
        let copies, count = world.Copies, view.Environment.ActionSpace.Choices
        let statistics = PlainStatistics.ofRunning state.Observations

        let values theta raw =
            (PlainNetwork.policy network theta (PlainStatistics.normalise statistics raw) [||]).Outputs

        let before = Array.map Scalar.constant view.Theta
        let known raw = values before raw |> Array.map Scalar.value

        let epsilon = PlainValues.epsilon c.Plan c.Exploration

        let act t copy =
            let raw = world.Present copy
            let mask = world.Mask(copy, count)
            let q = known raw
            let struct (u, key) = Rng.uniform world.Keys[copy]

            let action, key =
                if u < epsilon (state.Steps + int64 (t * copies)) then
                    PlainReplayed.uniform count mask key
                else
                    [| float (best mask q) |], key

            world.Keys[copy] <- key
            let struct (reward, terminated, truncated, led) = world.Step(copy, action)
            let ahead = known led

            {
                Raw = raw
                Action = int action[0]
                Reward = reward
                Terminated = terminated
                Truncated = truncated
                Value = q[best mask q]
                After =
                    if truncated then
                        if view.Environment.HasActionMasks then None else Some(Array.max ahead)
                    else
                        Some ahead[best (world.Mask(copy, count)) ahead]
            }

        let steps =
            [|
                for t in 0 .. c.RolloutSteps - 1 do
                    for copy in 0 .. copies - 1 do
                        act t copy
            |]

        let returns =
            steps
            |> Array.mapi (fun index _ ->
                returnOf c.Discount c.Lambda [ for i in index..copies .. steps.Length - 1 -> steps[i] ])

        let rate = PlainRates.after c.Plan view.State.Steps c.Rate.LearningRate
        let optimiser = PlainRAdam("optimiser", rate, c.AdamEpsilon, state)
        let reports = ResizeArray<(string * float) list>()
        let mutable theta = view.Theta

        let learn (minibatch: int[]) =
            let struct (terms, gradient) =
                PlainCredit.differentiate theta (fun theta ->
                    let chosen = minibatch |> Array.map (fun i -> (values theta steps[i].Raw)[steps[i].Action])

                    let cost (chosen: Scalar) i =
                        match returns[i] with
                        | Some wanted -> 0.5 * Scalar.square (chosen - wanted)
                        | None -> Scalar.constant 0.0

                    [
                        PlainCredit.term "valueLoss" 1.0 (Array.map2 cost chosen minibatch |> Scalar.mean)
                        PlainCredit.term "actionValue" 0.0 (Scalar.mean chosen)
                    ])

            reports.Add(terms @ [ "gradientNorm", Gradient.norm gradient ])
            theta <- optimiser.Step(theta, Gradient.clip c.MaxGradientNorm gradient)

        let cut = PlainCredit.cut steps.Length c.MinibatchSize

        let struct (_, key) = PlainCredit.epochs steps.Length cut c.Epochs state.Key learn (fun () -> false)

        let variance (values: float[]) =
            let mean = Array.average values
            values |> Array.averageBy (fun x -> (x - mean) * (x - mean))

        {
            Theta = theta
            Arrays = optimiser.Arrays
            Observations = PlainStatistics.add (steps |> Array.map _.Raw) statistics
            Rewards = PlainStatistics.ofRunning state.Rewards
            DiscountedReturns = state.DiscountedReturns
            Key = key
            ActionKeys = world.Keys
            Metrics =
                [
                    yield! PlainCredit.means reports
                    "explorationRate", epsilon (state.Steps + int64 steps.Length)
                    "learningRate", rate

                    if Array.forall Option.isSome returns then
                        let totals = Array.map Option.get returns
                        let errors = Array.map2 (fun total (step: PlainValueStep) -> total - step.Value) totals steps
                        "explainedVariance", 1.0 - variance errors / variance totals
                ]
        }
