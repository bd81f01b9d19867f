/// Monte-Carlo tree search: exact on small processes, whatever chance does.
[<FsCheck.Xunit.Properties(Replay = "(5129051,5129053)", MaxTest = 12)>]
module Rl.Tests.Planning.TreeSearchTests

open System
open FsCheck.Xunit
open Rl.Core.Environments
open Rl.Core.Environments.Finite
open Rl.Core.Foundations
open Rl.Core.Planning
open Rl.Core.Tabular
open Xunit

let private search (options: TreeSearchOptions) (batch: BatchEnvironment) =
    TreeSearch(options, batch.RequireSimulator(TreeSearch.Places options), null)

let private decide (tree: TreeSearch) (batch: BatchEnvironment) seed =
    let action = Array.zeroCreate<float32> 1
    let observation = Array.zeroCreate<float32> batch.ObservationSize
    batch.Observe(Span observation)
    tree.Decide(0, ReadOnlySpan observation, ReadOnlySpan.Empty, Rng.create seed, Span action) |> ignore
    int action[0]

/// A random process of 4 states and 3 actions, its steps matters of chance or not, with what is best in each state when
/// `horizon` steps are left.
let private made (seed: uint64) isRandom horizon =
    let mutable key = Rng.create seed

    let uniform () =
        let struct (value, next) = Rng.uniform key
        key <- next
        value

    let states, actions = 4, 3

    let row () =
        if isRandom then
            let weights = Array.init states (fun _ -> uniform () ** 3.0)
            weights |> Array.map (fun weight -> weight / Array.sum weights)
        else
            let target = int (uniform () * float states)
            Array.init states (fun state -> if state = target then 1.0 else 0.0)

    let transitions = Array.init states (fun _ -> Array.init actions (fun _ -> row ()))
    let rewards = Array.init states (fun _ -> Array.init actions (fun _ -> uniform ()))

    let mdp = Mdp.create 0.9 (Array.create states (1.0 / float states)) transitions rewards

    let struct (values, _) = FiniteHorizon.optimal mdp horizon
    struct (mdp, Mdp.actionValues mdp values[1])

[<Property>]
let ``with enough simulations the decision is the exact optimal action``
    (seed: uint64)
    (isRandom: bool)
    (isPuct: bool)
    =
    let horizon = 3
    let struct (mdp, actionValues) = made seed isRandom horizon
    let batch = Vectorised(FiniteMdpEnvironment("Made-v0", mdp), 1)
    batch.Reset(Rng.create seed)
    let observation = Array.zeroCreate<float32> 1
    batch.Observe(Span observation)
    let state = int observation[0]

    let options =
        { TreeSearchOptions.defaults with
            Simulations = 10_000
            Horizon = horizon
            Discount = 0.9
            Selection = if isPuct then TreeSelection.Puct else TreeSelection.Uct
        }

    let tree = search options batch
    let decided = decide tree batch seed
    let values = Array.sub actionValues (state * 3) 3
    // Of actions that are nearly as good as each other either may be taken.
    let isOptimal = values[decided] >= Array.max values - 0.03
    // A mean over all that was tried below an action, which is less than what is best there.
    let isTrue = abs (tree.Values[decided] - values[decided]) < 0.12
    isOptimal && isTrue && Array.sum tree.Visits = options.Simulations

[<Property>]
let ``visits of the root's actions add up to the simulations, and every possible action is tried`` (seed: uint64) =
    let batch = (Registry.make "Taxi-v3").Vectorise 1
    batch.Reset(Rng.create seed)
    let options = { TreeSearchOptions.defaults with Simulations = 60; Horizon = 10 }
    let tree = search options batch
    let decided = decide tree batch seed
    let mask = Array.zeroCreate<bool> 6
    batch.ActionMasks(0, 1, Span mask)

    Array.sum tree.Visits = 60
    && mask[decided]
    && Array.forall2 (fun possible visits -> (visits > 0) = possible) mask tree.Visits
    && tree.Nodes <= 61

[<Fact>]
let ``the same key decides alike, and deciding allocates nothing`` () =
    let batch = (Registry.make "CartPole-v1").Vectorise 1
    batch.Reset(Rng.create 3UL)
    let options = { TreeSearchOptions.defaults with Simulations = 200 }
    let tree = search options batch
    let first = decide tree batch 1UL
    let visits = tree.Visits
    decide tree batch 2UL |> ignore
    Assert.Equal(first, decide tree batch 1UL)
    Assert.Equal<int[]>(visits, tree.Visits)
    let action = Array.zeroCreate<float32> 1
    let observation = Array.zeroCreate<float32> 4
    let run () = tree.Decide(0, ReadOnlySpan observation, ReadOnlySpan.Empty, Rng.create 4UL, Span action) |> ignore
    run ()
    let before = GC.GetAllocatedBytesForCurrentThread()
    run ()
    Assert.Equal(0L, GC.GetAllocatedBytesForCurrentThread() - before)

[<Fact>]
let ``a prior leads the search, and a leaf's value takes the place of chance`` () =
    let batch = (Registry.make "CartPole-v1").Vectorise 1
    batch.Reset(Rng.create 3UL)

    let options =
        { TreeSearchOptions.defaults with
            Simulations = 40
            Selection = TreeSelection.Puct
            Exploration = 50.0
        }

    let leaf =
        { new ILeafEvaluator with
            member _.Evaluate(_, priors) =
                priors[0] <- 0.1
                priors[1] <- 0.9
                0.0
        }

    let tree = TreeSearch(options, batch.RequireSimulator(TreeSearch.Places options), leaf)
    Assert.Equal(1, decide tree batch 1UL)
    // With values that hardly count visits are shared as the prior says.
    Assert.InRange(tree.Visits[1], 34, 38)

[<Fact>]
let ``bad input of tree search is refused by name`` () =
    let refuses (text: string) (action: unit -> unit) =
        let error = Assert.ThrowsAny<Exception> action
        Assert.Contains(text, error.Message)

    let pendulum = (Registry.make "Pendulum-v1").Vectorise 1
    refuses "tree search needs Discrete ones" (fun () -> search TreeSearchOptions.defaults pendulum |> ignore)
    let cart = (Registry.make "CartPole-v1").Vectorise 1
    refuses "has 5 places" (fun () -> TreeSearch(TreeSearchOptions.defaults, cart.RequireSimulator 5, null) |> ignore)
    let none = { TreeSearchOptions.defaults with Horizon = 0 }
    refuses "Horizon is 0" (fun () -> TreeSearch(none, cart.RequireSimulator 600, null) |> ignore)
