/// FrozenLake, CliffWalking and Taxi against Gymnasium's tables, trajectories and the optimal values that follow from
/// them.
module Rl.Tests.Tabular.ToyTextTests

open System
open Rl.Core.Tabular
open Rl.Tests.Golden
open Xunit

let private build (case: GoldenNode) (discount: float) : ToyTextTable =
    let kwargs = case["kwargs"]
    let flag name = kwargs.Has name && kwargs.Flag name

    match case.Text "env" with
    | "FrozenLake-v1" ->
        let map =
            match kwargs.TryGet "desc" with
            | Some desc -> [| for row in desc.Items -> string (row.Element.GetString()) |]
            | None when kwargs.Has "map_name" && kwargs.Text "map_name" = "8x8" -> ToyText.frozenLake8x8
            | None -> ToyText.frozenLake4x4

        let rewards =
            match kwargs.TryGet "reward_schedule" with
            | Some schedule ->
                let values = schedule.AsArray.Values
                { Goal = values[0]; Hole = values[1]; Frozen = values[2] }
            | None -> ToyText.frozenLakeRewards

        let success = if kwargs.Has "success_rate" then kwargs.Float "success_rate" else 1.0 / 3.0
        let slippery = not (kwargs.Has "is_slippery") || kwargs.Flag "is_slippery"
        ToyText.frozenLake map slippery success rewards discount
    | "CliffWalking-v1" -> ToyText.cliffWalking (flag "is_slippery") discount
    | "Taxi-v3"
    | "Taxi-v4" -> ToyText.taxiWith (flag "is_rainy") (flag "fickle_passenger") discount
    | other -> failwith $"{case.Path}: there is no table {other}."

let private number (value: int) = float value

[<Fact>]
let ``the tables are Gymnasium's, outcome for outcome`` () =
    Golden.verify "toytext_tables" (fun case ->
        let table = build case 0.9
        let mdp = table.Mdp
        Golden.closeNumber 0.0 0.0 case "num_states" (case.Float "num_states") (number mdp.States)
        Golden.closeNumber 0.0 0.0 case "num_actions" (case.Float "num_actions") (number mdp.Actions)

        Golden.close
            1e-15
            0.0
            case
            "initial_state_distribution"
            (case.Floats "initial_state_distribution")
            (mdp.Start.ToArray())

        let optional name = case.TryGet name |> Option.map _.AsFloat
        Assert.Equal(optional "max_episode_steps", table.MaxEpisodeSteps |> Option.map number)
        Assert.Equal(optional "reward_threshold", table.RewardThreshold)

        if case.Has "map" && not (case["kwargs"].Has "desc") then
            let map = [| for row in case["map"].Items -> string (row.Element.GetString()) |]
            Assert.Contains(map, [ ToyText.frozenLake4x4; ToyText.frozenLake8x8 ])

        for state, ofState in List.indexed case["P"].Items do
            for action, ofAction in List.indexed ofState.Items do
                let expected =
                    [|
                        for outcome in ofAction.Items do
                            for value in outcome.Items -> value.AsFloat
                    |]

                let actual =
                    mdp.Outcomes(state, action).ToArray()
                    |> Array.collect (fun outcome ->
                        [|
                            outcome.Probability
                            number outcome.Next
                            outcome.Reward
                            (if outcome.Terminates then 1.0 else 0.0)
                        |])

                Golden.close 1e-15 0.0 case $"P[{state}][{action}]" expected actual)

[<Fact>]
let ``sampling with Gymnasium's uniform numbers gives its trajectories`` () =
    Golden.verify "toytext_tables" (fun case ->
        let table = build case 1.0
        let mdp = table.Mdp

        let first (uniform: float) (probabilities: float[]) =
            let sums = probabilities |> Array.scan (+) 0.0 |> Array.tail
            sums |> Array.findIndex (fun sum -> sum > uniform)

        for index, trajectory in List.indexed case["trajectories"].Items do
            let what = $"trajectories[{index}]"
            let uniforms = trajectory.Floats "reset_uniforms"
            let start = first uniforms[0] (mdp.Start.ToArray())
            Golden.closeNumber 0.0 0.0 case $"{what}/reset_state" (trajectory.Float "reset_state") (number start)
            let mutable state = start

            for time, step in List.indexed trajectory["steps"].Items do
                let parts = step.Items |> Array.ofList
                let outcomes = mdp.Outcomes(state, int parts[0].AsFloat).ToArray()
                let uniforms = parts[1].AsArray.Values
                let outcome = outcomes[first uniforms[0] (outcomes |> Array.map _.Probability)]
                let truncated = table.MaxEpisodeSteps |> Option.exists (fun limit -> time + 1 >= limit)

                Golden.close
                    0.0
                    0.0
                    case
                    $"{what}/steps[{time}]"
                    [| for part in parts[2..] -> part.AsFloat |]
                    [|
                        number outcome.Next
                        outcome.Reward
                        (if outcome.Terminates then 1.0 else 0.0)
                        (if truncated then 1.0 else 0.0)
                    |]

                state <- outcome.Next)

let private forEachDiscount (check: GoldenNode -> GoldenNode -> Mdp -> unit) =
    Golden.verify "toytext_tables" (fun case ->
        for name, expected in case["optimal"].Members do
            let discount = Double.Parse(name, Globalization.CultureInfo.InvariantCulture)
            check case expected (build case discount).Mdp)

[<Fact>]
let ``the uniform policy has the values of the linear solve`` () =
    forEachDiscount (fun case expected mdp ->
        let actual = Exact.values mdp (TabularPolicy.uniform mdp)
        Golden.close 1e-9 1e-9 case "V_uniform_policy" (expected.Floats "V_uniform_policy") actual)

[<Fact>]
let ``value iteration and policy iteration find the optimal values and all optimal actions`` () =
    forEachDiscount (fun case expected mdp ->
        let solutions =
            [
                "value iteration", DynamicProgramming.valueIteration 1e-13 100_000 mdp
                "policy iteration", DynamicProgramming.policyIteration mdp
                "Gauss-Seidel", AsynchronousProgramming.gaussSeidel 1e-13 100_000 mdp
            ]

        for name, solution in solutions do
            Golden.close 1e-10 1e-10 case $"V of {name}" (expected.Floats "V") solution.Values

            let start = Array.fold2 (fun total p value -> total + p * value) 0.0 (mdp.Start.ToArray()) solution.Values

            Golden.closeNumber 1e-10 1e-10 case $"start_value of {name}" (expected.Float "start_value") start
            let actionValues = Mdp.actionValues mdp solution.Values

            for state, best in List.indexed expected["optimal_actions"].Items do
                let row = Array.sub actionValues (state * mdp.Actions) mdp.Actions
                let top = Array.max row

                let actual =
                    [|
                        for action in 0 .. mdp.Actions - 1 do
                            if row[action] >= top - 1e-10 then number action
                    |]

                Golden.close 0.0 0.0 case $"optimal_actions[{state}] of {name}" best.AsArray.Values actual)
