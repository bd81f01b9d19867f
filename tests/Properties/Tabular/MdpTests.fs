/// Construction of decision processes and policies: what is refused and why, and what the generators make.
module Rl.Tests.Tabular.MdpTests

open System
open Rl.Core.Foundations
open Rl.Core.Tabular
open Rl.Tests.Theorems
open Xunit

let private row = [| 0.5; 0.5 |]
let private transitions () = [| [| [| 0.5; 0.5 |]; [| 1.0; 0.0 |] |]; [| [| 0.0; 1.0 |]; [| 0.25; 0.75 |] |] |]
let private rewards () = [| [| 1.0; 0.0 |]; [| 2.0; -1.0 |] |]
let private valid () = Mdp.create 0.9 row (transitions ()) (rewards ())

/// The argument that is blamed, and fragments that the message must hold.
let private refused (argument: string) (fragments: string list) (make: unit -> 'T) =
    let error = Assert.ThrowsAny<ArgumentException>(fun () -> make () |> ignore)
    Assert.Equal(argument, error.ParamName)

    for fragment in fragments do
        Assert.Contains(fragment, error.Message)

let private withRow state action values =
    let all = transitions ()
    all[state][action] <- values
    all

[<Fact>]
let ``a row that does not sum to 1 is refused with its place, its sum and the remedy`` () =
    refused "transitions" [ "transitions[1][0]"; "0.9"; "must sum to 1" ] (fun () ->
        Mdp.create 0.9 row (withRow 1 0 [| 0.4; 0.5 |]) (rewards ()))

[<Fact>]
let ``a negative probability is refused with its place`` () =
    refused "transitions" [ "transitions[0][1][0]"; "-0.5" ] (fun () ->
        Mdp.create 0.9 row (withRow 0 1 [| -0.5; 1.5 |]) (rewards ()))

[<Theory>]
[<InlineData(-0.1)>]
[<InlineData(1.1)>]
[<InlineData(Double.NaN)>]
let ``a discount outside [0, 1] is refused`` (discount: float) =
    refused "discount" [ "[0, 1]" ] (fun () -> Mdp.create discount row (transitions ()) (rewards ()))
    refused "discount" [ "[0, 1]" ] (fun () -> Mdp.withDiscount discount (valid ()))

[<Theory>]
[<InlineData(Double.NaN)>]
[<InlineData(Double.PositiveInfinity)>]
let ``numbers that are not finite are refused`` (value: float) =
    refused "transitions" [ "transitions[0][0][1]" ] (fun () ->
        Mdp.create 0.9 row (withRow 0 0 [| 1.0; value |]) (rewards ()))

    refused "rewards[1][0]" [ "finite" ] (fun () ->
        Mdp.create 0.9 row (transitions ()) [| [| 1.0; 0.0 |]; [| value; 0.0 |] |])

    refused "start" [ "start[0]" ] (fun () -> Mdp.create 0.9 [| value; 0.0 |] (transitions ()) (rewards ()))

[<Theorem>]
let ``a process from P(s′|s, a), R(s, a, s′) and terminal states backs up Σ P (R + γ V where s′ is not terminal)``
    (DiscountedInstance instance)
    =
    let states, actions = instance.States + 1, instance.Actions
    let numbers = Instance.normals 0 (2 * states * actions * states + states) instance

    // A third of the transitions is impossible.
    let table f =
        Array.init states (fun s ->
            Array.init actions (fun a -> Array.init states (fun next -> f ((s * actions + a) * states + next))))

    let transitions =
        table (fun at -> if at % 3 = 2 then 0.0 else exp numbers[at])
        |> Array.map (Array.map (fun row -> row |> Array.map (fun weight -> weight / Array.sum row)))

    let rewards = table (fun at -> numbers[states * actions * states + at])
    let terminal = Array.init states (fun state -> state % 2 = 1)
    let start = Array.create states (1.0 / float states)
    let mdp = Mdp.ofTransitionRewards instance.Discount start terminal transitions rewards

    let flat = Array.collect Array.concat
    let probabilities, paid = flat transitions, flat rewards

    /// Σ P(s′|s, a) f(place in the table, s′) for every pair.
    let expected (f: int -> int -> float) =
        Array.init (states * actions) (fun pair ->
            Seq.sum (
                seq {
                    for next in 0 .. states - 1 -> probabilities[pair * states + next] * f (pair * states + next) next
                }
            ))

    Expect.close 1e-12 "P" probabilities (Mdp.transitions mdp)
    Expect.close 1e-12 "r" (expected (fun at _ -> paid[at])) (Mdp.expectedRewards mdp)
    let values = Array.sub numbers (2 * states * actions * states) states
    let continued next = if terminal[next] then 0.0 else instance.Discount * values[next]
    Expect.close 1e-12 "Q" (expected (fun at next -> paid[at] + continued next)) (Mdp.actionValues mdp values)
    refused "terminal" [] (fun () -> Mdp.ofTransitionRewards 0.9 start [| true |] transitions rewards)
    refused "rewards" [] (fun () -> Mdp.ofTransitionRewards 0.9 start terminal transitions [||])

    refused "rewards[0]" [] (fun () ->
        Mdp.ofTransitionRewards 0.9 start terminal transitions (Array.create states [||]))

[<Fact>]
let ``empty and uneven tables are refused`` () =
    refused "transitions" [ "empty" ] (fun () -> Mdp.create 0.9 [||] [||] [||])
    refused "outcomes" [ "empty" ] (fun () -> Mdp.ofOutcomes 0.9 [||] [||])
    refused "outcomes[0]" [ "empty" ] (fun () -> Mdp.ofOutcomes 0.9 [| 1.0 |] [| [||] |])
    refused "start" [ "3"; "2" ] (fun () -> Mdp.create 0.9 [| 0.5; 0.5; 0.0 |] (transitions ()) (rewards ()))

    refused "rewards[1]" [ "2"; "1" ] (fun () ->
        let transitions = transitions ()
        transitions[1] <- [| [| 0.0; 1.0 |] |]
        Mdp.create 0.9 row transitions (rewards ()))

    refused "outcomes" [ "State 1 has 1 actions"; "same number" ] (fun () ->
        let stay = [| { Probability = 1.0; Next = 0; Reward = 0.0; Terminates = false } |]
        Mdp.ofOutcomes 0.9 row [| [| stay; stay |]; [| stay |] |])

[<Fact>]
let ``outcomes that lead nowhere are refused`` () =
    let to' next = { Probability = 1.0; Next = next; Reward = 0.0; Terminates = false }

    refused "outcomes" [ "outcomes[0][0][0]"; "state 7" ] (fun () ->
        Mdp.ofOutcomes 0.9 [| 1.0 |] [| [| [| to' 7 |] |] |])

[<Fact>]
let ``policies that are not distributions, or for another process, are refused`` () =
    refused "probabilities" [ "probabilities[1]"; "0.5" ] (fun () ->
        TabularPolicy.create 2 2 [| 0.5; 0.5; 0.25; 0.25 |])

    refused "logits" [ "logits[1]" ] (fun () -> TabularPolicy.softmax 2 [| 0.0; nan |])
    refused "policy" [ "1 states"; "has 2" ] (fun () -> Exact.values (valid ()) (TabularPolicy.create 1 2 row))

[<Fact>]
let ``a discount of 1 in a chain without an end is refused, and the average-reward form is named`` () =
    let mdp = Mdp.withDiscount 1.0 (valid ())
    let explain = [ "never ends from state 0"; "AverageReward"; "FiniteHorizon"; "below 1" ]
    refused "mdp" explain (fun () -> Exact.values mdp (TabularPolicy.uniform mdp))
    refused "mdp" explain (fun () -> Exact.occupancy mdp (TabularPolicy.uniform mdp))

    refused "mdp" [ "Mdp.restarting" ] (fun () ->
        let struct (bandit, _) = Generators.bandit 2 (Rng.create 1UL)
        AverageReward.gains bandit (TabularPolicy.uniform bandit))

[<Theorem>]
let ``generated processes have rows and starts that sum to 1, and sizes as asked`` (instance: Instance) =
    let mdp = Instance.mdp instance
    let kernel = Mdp.transitions mdp |> Array.chunkBySize mdp.States
    let going = Mdp.continuations mdp
    Expect.close 1e-12 "Σ P" (Array.create kernel.Length 1.0) (kernel |> Array.map Array.sum)
    Expect.closeNumber 1e-12 "Σ p(s₁)" 1.0 (Array.sum (mdp.Start.ToArray()))
    Assert.True(Array.forall2 (<=) going (Array.concat kernel))

[<Theorem>]
let ``the same generator makes the same process`` (instance: Instance) =
    let first, second = Instance.mdp instance, Instance.mdp instance

    Mdp.transitions first = Mdp.transitions second
    && Mdp.expectedRewards first = Mdp.expectedRewards second

[<Fact>]
let ``the shapes are what their names say`` () =
    let rng = Rng.create 3UL
    let uniform mdp = TabularPolicy.uniform mdp
    let struct (sparse, _) = Generators.sparse 9 2 3 0.9 rng
    let struct (chain, _) = Generators.chain 5 0.0 1.0 rng
    let struct (grid, _) = Generators.grid 3 4 0.1 1.0 rng
    let struct (bandit, _) = Generators.bandit 4 rng
    let struct (absorbing, _) = Generators.absorbing 4 2 0.1 1.0 rng
    let struct (periodic, _) = Generators.periodic 4 2 1.0 rng

    Assert.All(
        Mdp.transitions sparse |> Array.chunkBySize 9,
        fun row -> Assert.Equal(3, (Array.filter ((<) 0.0) row).Length)
    )

    // Always to the right: four steps and the last.
    let right = TabularPolicy.deterministic 2 (Array.create 5 1)
    Assert.Equal(5.0, Array.sum (Exact.occupancy chain right), 12)
    Assert.True(Array.sum (Exact.occupancy grid (uniform grid)) > 1.0)
    Assert.Equal(1.0, Array.sum (Exact.occupancy bandit (uniform bandit)), 12)
    Assert.True(absorbing.IsAbsorbing 3 && not (absorbing.IsAbsorbing 0))
    Assert.Equal<float[]>(Array.create 4 0.25, AverageReward.stationary periodic (uniform periodic))

[<Theorem>]
let ``ε-greedy policies give ε/A to every action and the rest to the greedy one`` (instance: Instance) =
    let mdp = Instance.mdp instance
    let actionValues = Instance.normals 0 (mdp.States * mdp.Actions) instance
    let epsilon = Instance.uniform 1 instance
    let policy = TabularPolicy.epsilonGreedy epsilon mdp.Actions actionValues

    for state in 0 .. mdp.States - 1 do
        let row = Array.sub actionValues (state * mdp.Actions) mdp.Actions
        let share = epsilon / float mdp.Actions

        let expected = row |> Array.map (fun value -> if value = Array.max row then 1.0 - epsilon + share else share)

        Expect.close 1e-14 "π" expected (policy.Of(state).ToArray())
