/// Imitation on finite processes, exactly: what cloning and DAgger become with all the data there is, GAIL's best
/// discriminator, and what errors cost.
module Rl.Tests.Theorems.ImitationTheorems

open System
open MathNet.Numerics.LinearAlgebra
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Objectives
open Rl.Core.Tabular
open Xunit

let numbers (x: Expr) = (Reference.evaluate x).ToArray()

/// The occupancies of pairs over the horizon, with γ = 1, summed over time.
let met (mdp: Mdp) (horizon: int) (policy: TabularPolicy) : float[] =
    (FiniteHorizon.evaluate (Mdp.withDiscount 1.0 mdp) horizon policy).Occupancy
    |> Array.reduce (Array.map2 (+))

let pairs (mdp: Mdp) (horizon: int) (policy: TabularPolicy) : float[] =
    let states = met mdp horizon policy
    policy.Table |> Array.mapi (fun pair probability -> probability * states[pair / mdp.Actions])

[<Theorem>]
let ``cloning all that an expert ever does is the expert wherever it comes, and earns what it earns``
    (instance: Instance)
    =
    let mdp = Instance.mdp instance
    let struct (expert, _) = Instance.policy instance
    let shown = pairs mdp instance.Horizon expert
    let clone = TabularImitation.clone mdp.States mdp.Actions shown

    for state in 0 .. mdp.States - 1 do
        let row = Array.sub shown (state * mdp.Actions) mdp.Actions
        let own = clone.Of(state).ToArray()

        if Array.sum row > 0.0 then
            Expect.close 1e-12 $"state {state}" (expert.Of(state).ToArray()) own
        else
            Expect.close 1e-15 $"state {state}, never met" (Array.create mdp.Actions (1.0 / float mdp.Actions)) own

    FiniteHorizon.objective mdp instance.Horizon clone
    |> Expect.closeNumber 1e-12 "J" (FiniteHorizon.objective mdp instance.Horizon expert)

[<Theorem>]
let ``a cloned table minimises the cloning loss: its derivative in the logits is 0`` (instance: Instance) =
    let mdp = Instance.mdp instance
    let struct (expert, _) = Instance.policy instance
    let shown = pairs mdp instance.Horizon expert
    let clone = TabularImitation.clone mdp.States mdp.Actions shown
    let logits = Expr.reshape [| mdp.States; mdp.Actions |] (Expr.vector (clone.Table |> Array.map log))
    let weights = Expr.reshape [| mdp.States; mdp.Actions |] (Expr.vector shown)

    let loss logits = Expr.sum (weights * Regression.behaviourCloning (Expr.logSoftmax -1 logits))
    Expect.close 1e-12 "slopes" (Array.zeroCreate shown.Length) (numbers (Diff.grad loss logits))

// --- DAgger
// ----------------------------------------------------------------------------------------------------------

/// Σ over who acts in each of T steps of the product of their shares, times the occupancy [T][S] of acting so.
let private occupancyByTurns (mdp: Mdp) horizon share (expert: TabularPolicy) (learner: TabularPolicy) : float[] =
    let kernel = Mdp.continuations mdp

    let step (policy: TabularPolicy) (present: float[]) =
        let next = Array.zeroCreate<float> mdp.States

        for pair in 0 .. mdp.States * mdp.Actions - 1 do
            for state in 0 .. mdp.States - 1 do
                next[state] <-
                    next[state] + present[pair / mdp.Actions] * policy.Table[pair] * kernel[pair * mdp.States + state]

        next

    let rec turns left weight (present: float[]) =
        if left = 0 then
            [||]
        else
            let rest policy share =
                if left = 1 then
                    [||]
                else
                    turns (left - 1) (weight * share) (step policy present)

            let both =
                match rest expert share, rest learner (1.0 - share) with
                | [||], [||] -> [||]
                | first, second -> Array.map2 (+) first second

            Array.append (present |> Array.map (fun p -> weight * p)) both

    turns horizon 1.0 (mdp.Start.ToArray())

[<Theorem>]
let ``DAgger's mixture, drawn anew in each step, meets states as the mixed table does: all 2ᵀ turns, enumerated``
    (instance: Instance)
    =
    let mdp = Mdp.withDiscount 1.0 (Instance.mdp instance)
    let struct (expert, _) = Instance.policy instance
    let struct (learner, _) = Instance.other instance
    let share = Instance.uniform 0 instance
    let mixed = TabularImitation.mixture share expert learner
    let evaluation = FiniteHorizon.evaluate mdp instance.Horizon mixed

    occupancyByTurns mdp instance.Horizon share expert learner
    |> Expect.close 1e-12 "occupancy" (Array.concat evaluation.Occupancy)

[<Theorem>]
let ``the mixture's states are at most 2 T β from the learner's, and (1 − β)ᵗ of them are its own``
    (instance: Instance)
    =
    let mdp = Mdp.withDiscount 1.0 (Instance.mdp instance)
    let struct (expert, _) = Instance.policy instance
    let struct (learner, _) = Instance.other instance
    let share, horizon = Instance.uniform 0 instance, instance.Horizon
    let occupancy policy = (FiniteHorizon.evaluate mdp horizon policy).Occupancy
    let mixed = occupancy (TabularImitation.mixture share expert learner)
    let own = occupancy learner

    for time in 0 .. horizon - 1 do
        let kept = (1.0 - share) ** float time

        for state in 0 .. mdp.States - 1 do
            Assert.True(mixed[time][state] >= kept * own[time][state] - 1e-12)

        let distance = Array.fold2 (fun total a b -> total + abs (a - b)) 0.0 mixed[time] own[time]
        Assert.True(distance <= 2.0 * (1.0 - kept) + 1e-12)
        Assert.True(distance <= 2.0 * float horizon * share + 1e-12)

/// A learner that errs with a fixed chance wherever it was shown states, and knows nothing elsewhere.
let private erring (chance: float) (expert: TabularPolicy) (seen: float[]) : TabularPolicy =
    let actions = expert.Actions

    expert.Table
    |> Array.mapi (fun pair probability ->
        if seen[pair / actions] > 0.0 then
            (1.0 - chance) * probability + chance * (1.0 - probability) / float (max 1 (actions - 1))
        else
            1.0 / float actions)
    |> TabularPolicy.create expert.States actions

/// A process with costs from 0 to 1 of states and actions, in which nothing is absorbing.
let private withCosts (instance: Instance) : Mdp =
    let mdp = Instance.mdp instance
    let costs = Instance.normals 2 (mdp.States * mdp.Actions) instance |> Array.map (fun z -> 1.0 / (1.0 + exp z))

    Mdp.withDiscount 1.0 mdp
    |> Mdp.withRewards (fun state action _ -> costs[state * mdp.Actions + action])

[<Theorem>]
let ``what errors cost: cloning at most T² ε, DAgger's last learner at most u T ε of the errors on its own states``
    (instance: Instance)
    =
    let cost = withCosts instance
    let horizon = 2 + instance.Horizon
    let struct (greedy, _) = Instance.policy instance
    let expert = TabularPolicy.deterministic cost.Actions (TabularPolicy.greedyActions cost.Actions greedy.Table)
    let chance = if cost.Actions = 1 then 0.0 else 0.3 * Instance.uniform 1 instance
    let learn = erring chance expert
    let paid policy = FiniteHorizon.objective cost horizon policy
    let errors visitor policy = TabularImitation.errorRate cost horizon visitor expert policy

    let clone = learn (met cost horizon expert)
    Assert.True(errors expert clone <= chance + 1e-12)
    Assert.True(paid clone - paid expert <= float (horizon * horizon) * errors expert clone + 1e-12)

    // What one error costs at most, where the expert goes on afterwards.
    let evaluation = FiniteHorizon.evaluate cost horizon expert
    let most = FiniteHorizon.advantages evaluation |> Array.concat |> Array.fold max 0.0
    let share round = if round = 0 then 1.0 else 0.0
    let rounds = TabularImitation.dagger cost horizon (cost.States + 2) share expert expert learn
    let learner, acting = Array.last rounds
    // Once every state that it can come to is shown, nothing is learned that was not known before.
    Expect.close 1e-15 "the last round" acting.Table learner.Table
    Assert.True(errors learner learner <= chance + 1e-12)
    Assert.True(paid learner - paid expert <= most * float horizon * errors learner learner + 1e-12)

[<Theorem>]
let ``DAgger with a learner that keeps what it is shown becomes the expert wherever it goes itself``
    (instance: Instance)
    =
    let mdp = Instance.mdp instance
    let struct (expert, _) = Instance.policy instance
    let struct (first, _) = Instance.other instance
    let shown = ResizeArray<float[]>()

    let learn (seen: float[]) =
        shown.Add(Array.copy seen)

        expert.Table
        |> Array.mapi (fun pair probability -> probability * seen[pair / mdp.Actions])
        |> TabularImitation.clone mdp.States mdp.Actions

    // Each round shows at least one more of the states that it can come to.
    let rounds = TabularImitation.dagger mdp instance.Horizon (mdp.States + 1) (fun _ -> 0.0) expert first learn

    let learner, _ = Array.last rounds

    // What a round learns from is what all rounds so far have met.
    rounds
    |> Array.map (snd >> met mdp instance.Horizon)
    |> Array.scan (Array.map2 (+)) (Array.zeroCreate mdp.States)
    |> Array.tail
    |> Array.iteri (fun round all -> Expect.close 1e-10 $"round {round}" all shown[round])

    FiniteHorizon.objective mdp instance.Horizon learner
    |> Expect.closeNumber 1e-12 "J" (FiniteHorizon.objective mdp instance.Horizon expert)

// --- Discriminators
// --------------------------------------------------------------------------------------------------

[<Theorem>]
let ``GAIL's best discriminator on a process is the log ratio of occupancies, and the reward of log-odds is that ratio``
    (DiscountedInstance instance)
    =
    let mdp = Instance.mdp instance
    let struct (expert, _) = Instance.policy instance
    let struct (policy, _) = Instance.other instance

    let shares policy =
        let occupancy = Exact.pairOccupancy mdp policy
        occupancy |> Array.map (fun d -> d / Array.sum occupancy)

    let ofExpert, ofPolicy = shares expert, shares policy
    // States that neither meets have no ratio.
    let known =
        [| 0 .. ofExpert.Length - 1 |]
        |> Array.filter (fun pair -> ofExpert[pair] > 0.0 && ofPolicy[pair] > 0.0)

    let pick (values: float[]) = Expr.vector (known |> Array.map (fun pair -> values[pair]))
    let ratio = Expr.log (pick ofExpert / pick ofPolicy)

    let loss (logits: Expr) =
        let struct (onExpert, onPolicy) = Regression.gailDiscriminator logits logits
        Expr.sum (pick ofExpert * onExpert + pick ofPolicy * onPolicy)

    Expect.close 1e-12 "slopes" (Array.zeroCreate known.Length) (numbers (Diff.grad loss ratio))
    let reward kind = numbers (Discriminators.reward kind ratio)
    Expect.close 1e-12 "log-odds" (numbers ratio) (reward DiscriminatorReward.LogOdds)
    let sum = numbers (Expr.log (1.0 + pick ofExpert / pick ofPolicy))
    Expect.close 1e-12 "surviving" sum (reward DiscriminatorReward.Surviving)
    // ln D and −ln(1 − D) differ by the log-odds.
    Expect.close 1e-12 "ending" (Array.map2 (-) (numbers ratio) sum) (reward DiscriminatorReward.Ending)

    // The policy's expected reward of log-odds is −KL(policy ‖ expert): raising it is becoming the expert.
    let divergence = numbers (Expr.sum (pick ofPolicy * Expr.log (pick ofPolicy / pick ofExpert)))
    let earned = numbers (Expr.sum (pick ofPolicy * Discriminators.reward DiscriminatorReward.LogOdds ratio))
    Expect.close 1e-12 "KL" divergence (earned |> Array.map (~-))

[<Theorem>]
let ``a discriminator's gradient penalty is 0 where its slopes have the norm asked for`` (instance: Instance) =
    let slopes = Instance.normals 0 4 instance
    let norm = slopes |> Array.sumBy (fun x -> x * x) |> sqrt
    let inputs = Expr.reshape [| 3; 4 |] (Expr.vector (Instance.normals 1 12 instance))
    let linear (x: Expr) = Expr.sumOver [| -1 |] (x * Expr.vector slopes)
    let penalty target = numbers (Discriminators.gradientPenalty target linear inputs)
    Expect.close 1e-9 "at the norm" (Array.zeroCreate 3) (penalty norm)
    Expect.close 1e-9 "from 0" (Array.create 3 (norm * norm)) (penalty 0.0)
    Expect.close 1e-9 "from 1" (Array.create 3 ((norm - 1.0) ** 2.0)) (penalty 1.0)

[<Fact>]
let ``bad input to imitation is refused by name`` () =
    let refused (name: string) (action: unit -> obj) =
        let error = Assert.ThrowsAny<ArgumentException>(fun () -> action () |> ignore)
        Assert.Equal(name, error.ParamName)

    let mdp = Mdp.create 0.9 [| 1.0 |] [| [| [| 1.0 |] |] |] [| [| 0.0 |] |]
    let policy = TabularPolicy.uniform mdp
    refused "share" (fun () -> TabularImitation.mixture 1.1 policy policy)
    refused "weights" (fun () -> TabularImitation.clone 1 1 [| -1.0 |])
    refused "weights" (fun () -> TabularImitation.clone 1 1 [| nan |])
    refused "rounds" (fun () -> TabularImitation.dagger mdp 1 0 (fun _ -> 0.0) policy policy (fun _ -> policy))
    refused "rounds" (fun () -> Regression.daggerRampdown 0 1)
    refused "horizon" (fun () -> MaximumCausalEntropy.solve mdp 0)
    refused "features" (fun () -> MaximumCausalEntropy.withReward 2 [| 1.0 |] [| 1.0; 1.0 |] mdp)
    refused "features" (fun () -> MaximumCausalEntropy.withReward 1 [| nan |] [| 1.0 |] mdp)
    refused "expert" (fun () -> MaximumCausalEntropy.likelihood mdp 1 1 [| 1.0 |] [||] [| 1.0 |])
    refused "tolerance" (fun () -> MaximumCausalEntropy.fit mdp 1 1 [| 1.0 |] [| 1.0 |] 1 0.0)
    let row = Expr.zeros [| 2 |]
    refused "discount" (fun () -> Preferences.probability 1.1 0.0 1.0 row row)
    refused "noise" (fun () -> Preferences.probability 1.0 -0.1 1.0 row row)
    refused "threshold" (fun () -> Preferences.probability 1.0 0.0 0.0 row row)
    refused "target" (fun () -> Discriminators.gradientPenalty -1.0 Expr.sum row)
