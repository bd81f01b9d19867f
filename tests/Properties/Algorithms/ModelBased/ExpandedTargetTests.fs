/// Targets that look some imagined steps ahead: what they are by definition, and with the true process as the model.
module Rl.Tests.Algorithms.ModelBased.ExpandedTargetTests

open System
open FsCheck.Xunit
open Rl.Core.Algorithms
open Rl.Core.Foundations
open Xunit

/// A judge and members as functions of a state of one number, and what they were asked for.
type private Imagined =
    {
        Policy: float32 -> float32
        /// By critic, state and action.
        Value: int -> float32 -> float32 -> float32
        /// By member, state and action: s′ and the probability that it is terminal.
        Moves: int -> float32 -> float32 -> struct (float32 * float32)
        /// By reward, state, action and s′.
        Pays: int -> float32 -> float32 -> float32 -> float32
    }

let private sizes batch members rewards critics : ExpansionSizes =
    {
        Batch = batch
        Members = members
        Rewards = rewards
        Critics = critics
        Observations = 1
        Actions = 1
    }

let private imagination (sizes: ExpansionSizes) (imagined: Imagined) =
    { new IImagination with
        member _.Judge(states, actions, values) =
            let rows = states.Length
            Assert.Equal(rows, actions.Length)

            for row in 0 .. rows - 1 do
                actions[row] <- imagined.Policy states[row]

            if not values.IsEmpty then
                Assert.Equal(sizes.Critics * rows, values.Length)

                for l in 0 .. sizes.Critics - 1 do
                    for row in 0 .. rows - 1 do
                        values[l * rows + row] <- imagined.Value l states[row] actions[row]

        member _.Step(states, actions, next, rewards, ends) =
            let rows = sizes.Members * sizes.Batch
            Assert.Equal(rows, states.Length)

            for row in 0 .. rows - 1 do
                let struct (led, chance) = imagined.Moves (row / sizes.Batch) states[row] actions[row]
                next[row] <- led
                ends[row] <- chance

                for n in 0 .. sizes.Rewards - 1 do
                    rewards[n * rows + row] <- imagined.Pays n states[row] actions[row] led
    }

let private run sizes horizon discount weighting imagined (next: float32[]) rewards discounts =
    let expanded = ExpandedTargets(sizes, horizon, discount, weighting, imagination sizes imagined)
    let target = Array.create sizes.Batch nanf
    expanded.Run(next, rewards, discounts, target)
    target, expanded.MeanHorizon

let private weightings = [ HorizonWeighting.Longest; HorizonWeighting.InverseVariance ]

/// A process of whole numbers, whose sums in halves and quarters are exact: 0 is terminal.
let private walk (state: float32) (action: float32) : float32 =
    let next = state + action
    if next > 20.0f then next - 40.0f else next

let private process' =
    {
        Policy = fun state -> if int state % 3 = 0 then 2.0f else -1.0f
        Value = fun _ state action -> 0.25f * state + 0.5f * action
        Moves =
            fun _ state action ->
                let next = walk state action
                struct (next, (if next = 0.0f then 1.0f else 0.0f))
        Pays = fun _ state action next -> state + 4.0f * action - 0.5f * next
    }

/// The discounted return of H steps of the process from a state, and the discounted value where they lead, if the
/// process has not ended by then.
let private truth horizon (discount: float) (start: float32) =
    let mutable state, sum, power, isOver = start, 0.0, 1.0, false

    for _ in 1..horizon do
        if not isOver then
            let action = process'.Policy state
            let struct (next, ends) = process'.Moves 0 state action
            sum <- sum + power * float (process'.Pays 0 state action next)
            power <- power * discount
            state <- next
            isOver <- ends > 0.0f

    if isOver then
        sum
    else
        sum + power * float (process'.Value 0 state (process'.Policy state))

[<Property>]
let ``with the true process as the model a target is the return of H more steps and the value after them, exactly``
    (seed: uint64)
    (steps: byte)
    =
    let horizon = int steps % 7
    let mutable key = Rng.create seed

    let draw most =
        let struct (value, next) = Rng.below most key
        key <- next
        value

    let next = Array.init 9 (fun _ -> float32 (draw 41 - 20))
    let rewards = Array.init 9 (fun _ -> float32 (draw 9) - 4.0f)
    // Some s′ are terminal.
    let discounts = Array.init 9 (fun _ -> if draw 4 = 0 then 0.0f else 0.5f)
    let sizes = sizes 9 3 1 1
    let target, mean = run sizes horizon 0.5 HorizonWeighting.Longest process' next rewards discounts
    let wanted h b = float32 (float rewards[b] + float discounts[b] * truth h 0.5 next[b])
    Assert.Equal<float32[]>(Array.init 9 (wanted horizon), target)
    Assert.Equal(float horizon, mean)
    // Members, rewards and critics that all agree leave all horizons the same weight.
    let target, mean = run sizes horizon 0.5 HorizonWeighting.InverseVariance process' next rewards discounts

    for b in 0..8 do
        let all = Array.init (horizon + 1) (fun h -> truth h 0.5 next[b])
        Assert.Equal(float rewards[b] + float discounts[b] * Array.average all, float target[b], 1e-5)

    Assert.Equal(float horizon / 2.0, mean, 1e-12)

[<Fact>]
let ``an imagined end stops rewards and values, and a likely one takes its share of them`` () =
    // Each step leads one on, pays 1 and is worth 8; 2 is terminal.
    let line chance =
        {
            Policy = fun _ -> 1.0f
            Value = fun _ _ _ -> 8.0f
            Moves = fun _ state action -> struct (state + action, (if state = 1.0f then chance else 0.0f))
            Pays = fun _ _ _ _ -> 1.0f
        }

    let target chance horizon =
        let target, _ =
            run (sizes 1 2 1 1) horizon 0.5 HorizonWeighting.Longest (line chance) [| 0.0f |] [| 3.0f |] [| 0.5f |]

        target[0]

    // r + ½ (1 + ½ · 1) once the second step, which is paid, has led to the end.
    Assert.Equal<float32 list>([ 7.0f; 5.5f; 3.75f; 3.75f; 3.75f ], List.map (target 1.0f) [ 0..4 ])
    // With probability ¼ it goes on: ½ (1 + ½ (1 + ¼ · ½ · 8)), then ½ (1 + ½ (1 + ¼ · ½ (1 + ½ · 8))).
    Assert.Equal<float32 list>([ 4.0f; 3.90625f ], List.map (target 0.75f) [ 2; 3 ])

/// An ensemble whose members, rewards and critics all differ.
let private differing =
    {
        Policy = fun state -> tanh (0.7f * state)
        Value = fun l state action -> (0.5f + 0.3f * float32 l) * state - action * float32 (l - 1)
        Moves =
            fun m state action ->
                let next = 0.9f * state + (0.2f + 0.1f * float32 m) * action - 0.3f
                struct (next, 1.0f / (1.0f + exp (2.0f - float32 m - next)))
        Pays = fun n state action next -> state - (1.0f + 0.5f * float32 n) * action + 0.25f * next
    }

/// By definition, one trajectory after the other: mean and variance of horizon i over members, rewards and critics.
let private byDefinition (sizes: ExpansionSizes) (imagined: Imagined) discount horizon (start: float32) =
    let estimates =
        [|
            for m in 0 .. sizes.Members - 1 do
                let states = ResizeArray [ start ]
                let survival = ResizeArray [ 1.0 ]

                for i in 0 .. horizon - 1 do
                    let struct (next, chance) = imagined.Moves m states[i] (imagined.Policy states[i])
                    states.Add next
                    survival.Add(survival[i] * (1.0 - float chance))

                for n in 0 .. sizes.Rewards - 1 do
                    let paid =
                        Seq.sum
                            [
                                for j in 1..horizon ->
                                    let before = states[j - 1]
                                    let reward = imagined.Pays n before (imagined.Policy before) states[j]
                                    discount ** float (j - 1) * survival[j - 1] * float reward
                            ]

                    for l in 0 .. sizes.Critics - 1 do
                        let value = imagined.Value l states[horizon] (imagined.Policy states[horizon])
                        paid + discount ** float horizon * survival[horizon] * float value
        |]

    let mean = Array.average estimates
    mean, estimates |> Array.averageBy (fun estimate -> (estimate - mean) ** 2.0)

[<Property>]
let ``targets are by definition those of each trajectory, weighted by the inverses of their variances``
    (seed: uint64)
    (steps: byte)
    =
    let horizon = int steps % 5
    let sizes = sizes 4 3 2 2
    let drawn = Array.zeroCreate<float32> 12
    Rng.normals (Span drawn) (Rng.create seed) |> ignore
    let next, rewards = drawn[..3], drawn[4..7]
    let discounts = [| 0.9f; 0.0f; 0.9f; 0.5f |]

    for weighting in weightings do
        let target, mean = run sizes horizon 0.9 weighting differing next rewards discounts

        let wanted =
            Array.init 4 (fun b ->
                let each = Array.init (horizon + 1) (fun i -> byDefinition sizes differing 0.9 i next[b])

                match weighting with
                | HorizonWeighting.Longest -> fst each[horizon], float horizon
                | HorizonWeighting.InverseVariance ->
                    let total = each |> Array.sumBy (fun (_, variance) -> 1.0 / variance)
                    let weights = each |> Array.map (fun (_, variance) -> 1.0 / variance / total)

                    Array.map2 (fun weight (mean, _) -> weight * mean) weights each |> Array.sum,
                    weights |> Array.mapi (fun i weight -> weight * float i) |> Array.sum)

        for b in 0..3 do
            Assert.Equal(float rewards[b] + float discounts[b] * fst wanted[b], float target[b], 2e-5)

        Assert.Equal(wanted |> Array.averageBy snd, mean, 1e-4)

[<Fact>]
let ``where critics alone differ longer horizons weigh more, by 1 over the square of what their values count`` () =
    let imagined = { process' with Value = fun l _ _ -> (if l = 0 then 1.0f else 3.0f) }
    let starts = [| 7.0f |]
    let _, mean = run (sizes 1 2 1 2) 2 0.5 HorizonWeighting.InverseVariance imagined starts [| 0.0f |] [| 0.5f |]
    // Variances 1, ¼, 1/16: weights 1, 4, 16 of 21.
    Assert.Equal((4.0 + 2.0 * 16.0) / 21.0, mean, 1e-12)

[<Fact>]
let ``a trajectory that leaves the finite numbers ends the horizons of its transition alone`` () =
    // Rewards that see where a step leads, and rewards that do not and stay numbers.
    let unseeing = { differing with Pays = fun n state action _ -> differing.Pays n state action 0.0f }

    for paying, weighting in List.allPairs [ differing; unseeing ] weightings do
        for lost in [ nanf; infinityf ] do
            let broken =
                { paying with
                    Moves =
                        fun m state action ->
                            let struct (next, chance) = differing.Moves m state action
                            struct ((if m = 1 && abs (state - 5.0f) < 2.5f then lost else next), chance)
                }

            let sizes = sizes 3 2 2 2
            // The second is lost at once, the third after a step or two, the first never.
            let next, rewards, discounts = [| -1.0f; 5.0f; 8.5f |], [| 1.0f; 2.0f; 3.0f |], [| 0.9f; 0.9f; 0.9f |]
            let target, mean = run sizes 4 0.9 weighting broken next rewards discounts
            let whole horizon = run sizes horizon 0.9 weighting paying next rewards discounts
            let ofHorizon horizon = (fst (whole horizon))
            Assert.Equal((ofHorizon 4)[0], target[0])
            Assert.Equal((ofHorizon 0)[1], target[1])
            let struct (second, _) = differing.Moves 1 8.5f (differing.Policy 8.5f)
            // 8.5 leads to 7.65, and that to 6.9, which is lost.
            Assert.InRange(second, 7.51f, 8.0f)
            Assert.Equal((ofHorizon 2)[2], target[2])
            Assert.True(Double.IsFinite mean)

    // A reward that is no number is none either.
    let unpaid = { differing with Pays = fun n s a next -> if n = 1 then nanf else differing.Pays n s a next }

    let at horizon imagined =
        run (sizes 1 2 2 2) horizon 0.9 HorizonWeighting.Longest imagined [| 1.0f |] [| 1.0f |] [| 0.9f |]

    Assert.Equal<float32[]>(fst (at 0 differing), fst (at 3 unpaid))
    Assert.Equal(0.0, snd (at 3 unpaid))
