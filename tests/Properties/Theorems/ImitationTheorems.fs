/// Imitation on finite processes, exactly: what cloning and DAgger become with all the data there is, GAIL's best
/// discriminator, rewards that match features, and AIRL's reward up to shaping.
module Rl.Tests.Theorems.ImitationTheorems

open System
open MathNet.Numerics.LinearAlgebra
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Objectives
open Rl.Core.Tabular
open Xunit

let private numbers (x: Expr) = (Reference.evaluate x).ToArray()

/// The occupancies of pairs over the horizon, with γ = 1, summed over time.
let private met (mdp: Mdp) (horizon: int) (policy: TabularPolicy) : float[] =
    (FiniteHorizon.evaluate (Mdp.withDiscount 1.0 mdp) horizon policy).Occupancy
    |> Array.reduce (Array.map2 (+))

let private pairs (mdp: Mdp) (horizon: int) (policy: TabularPolicy) : float[] =
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

// --- Rewards that explain
// --------------------------------------------------------------------------------------------

[<Theorem>]
let ``maximum causal entropy: the likelihood's gradient is the difference of feature expectations``
    (instance: Instance)
    =
    let mdp, horizon, size = Instance.mdp instance, instance.Horizon, 2
    let features = Instance.normals 0 (mdp.States * mdp.Actions * size) instance
    let weights, others = Instance.normals 1 size instance, Instance.normals 2 size instance
    let solved weights = MaximumCausalEntropy.solve (MaximumCausalEntropy.withReward size features weights mdp) horizon
    let expert = solved others
    let expectations = MaximumCausalEntropy.featureExpectations mdp size features expert

    /// Σ γᵗ E_expert[ln π_w(t, a|s)].
    let direct weights =
        let own = solved weights

        Seq.sum (
            seq {
                for time in 0 .. horizon - 1 do
                    for pair in 0 .. mdp.States * mdp.Actions - 1 do
                        let share = expert.Occupancy[time][pair / mdp.Actions] * expert.Policies[time].Table[pair]

                        if share > 0.0 then
                            mdp.Discount ** float time * share * log own.Policies[time].Table[pair]
            }
        )

    let struct (value, gradient) = MaximumCausalEntropy.likelihood mdp horizon size features expectations weights
    Expect.closeNumber 1e-9 "likelihood" (direct weights) value

    let finite =
        Array.init size (fun index ->
            let moved by = weights |> Array.mapi (fun i w -> if i = index then w + by else w)
            (direct (moved 1e-5) - direct (moved -1e-5)) / 2e-5)

    Expect.close 1e-6 "gradient" finite gradient

[<Theorem>]
let ``maximum causal entropy: the fitted reward's soft policy has the expert's expected features``
    (instance: Instance)
    =
    let mdp, horizon, size = Instance.mdp instance, instance.Horizon, 2
    let features = Instance.normals 0 (mdp.States * mdp.Actions * size) instance
    let others = Instance.normals 2 size instance
    let solved weights = MaximumCausalEntropy.solve (MaximumCausalEntropy.withReward size features weights mdp) horizon
    let expert = MaximumCausalEntropy.featureExpectations mdp size features (solved others)
    let fitted = MaximumCausalEntropy.fit mdp horizon size features expert 5000 1e-7

    MaximumCausalEntropy.featureExpectations mdp size features (solved fitted)
    |> Expect.close 1e-5 "features" expert

/// A process with certain outcomes, a reward of states alone, and its soft values and log-probabilities with γ.
type private Certain = { Next: int[]; Reward: float[]; Values: float[]; LogProbabilities: float[] }

let private discount = 0.8

let private softly (next: int[]) (reward: float[]) : Certain =
    let states = reward.Length
    let actions = next.Length / states
    let mutable values = Array.zeroCreate<float> states

    let q (values: float[]) =
        Array.init next.Length (fun pair -> reward[pair / actions] + discount * values[next[pair]])

    for _ in 1..400 do
        values <-
            q values
            |> Array.chunkBySize actions
            |> Array.map (fun row -> Array.max row + log (row |> Array.sumBy (fun x -> exp (x - Array.max row))))

    {
        Next = next
        Reward = reward
        Values = values
        LogProbabilities = q values |> Array.mapi (fun pair value -> value - values[pair / actions])
    }

let private draws (count: int) (seed: uint64) (draw: Rng -> struct ('T * Rng)) : 'T[] =
    let mutable rng = Rng.create seed

    Array.init count (fun _ ->
        let struct (value, next) = draw rng
        rng <- next
        value)

[<Theorem>]
let ``AIRL: where f(s, a, s′) is the soft advantage, the state's part is the reward up to a constant, in any dynamics``
    (instance: Instance)
    =
    let states, actions = 5, 3

    let certain =
        softly
            (draws (states * actions) instance.Seed (Rng.below states))
            (draws states (instance.Seed + 1UL) Rng.normal)
    // With g = r and h = V the log-odds are 0: nothing tells the expert from the policy that is optimal for r.
    let vector (values: float[]) = Expr.vector values
    let of' (values: float[]) = vector (Array.init (states * actions) (fun pair -> values[pair / actions]))
    let after (values: float[]) = vector (certain.Next |> Array.map (fun next -> values[next]))

    Regression.airlLogits
        (of' certain.Reward)
        (Expr.number discount)
        (of' certain.Values)
        (after certain.Values)
        (vector certain.LogProbabilities)
    |> numbers
    |> Expect.close 1e-9 "log-odds" (Array.zeroCreate (states * actions))

    // All solutions of g(s) + γ h(s′) − h(s) = ln π(a|s): where the dynamics are decomposable the only freedom is a
    // constant, (c − γ c, c).
    let equations =
        Matrix<float>
            .Build.Dense(
                states * actions,
                2 * states,
                fun pair column ->
                    let own, next = pair / actions, certain.Next[pair]

                    if column < states then
                        (if column = own then 1.0 else 0.0)
                    else
                        let state = column - states
                        (if state = next then discount else 0.0) - (if state = own then 1.0 else 0.0)
            )

    let factors = equations.Svd false
    let rank = factors.S |> Seq.filter (fun s -> s > 1e-9) |> Seq.length

    if rank = 2 * states - 1 then
        let solution = (equations.PseudoInverse() * Vector<float>.Build.DenseOfArray certain.LogProbabilities).ToArray()
        let found = Array.sub solution 0 states
        let shift = Array.average found - Array.average certain.Reward
        Expect.close 1e-7 "reward" certain.Reward (found |> Array.map (fun g -> g - shift))
        // So it prescribes the same in a process with other outcomes, which the advantage of the first would not.
        let elsewhere = draws (states * actions) (instance.Seed + 2UL) (Rng.below states)

        (softly elsewhere found).LogProbabilities
        |> Expect.close 1e-6 "elsewhere" (softly elsewhere certain.Reward).LogProbabilities

[<Theorem>]
let ``SQIL is cloning, a penalty on errors without a reward, and a sum that telescopes`` (instance: Instance) =
    let states, actions, steps, discount = 4, 3, 5, 0.9

    // Of the expert, then of the policy: states that follow one another, and what was done.
    let visited who = draws (steps + 1) (instance.Seed + uint64 (2 * who)) (Rng.below states)
    let taken who = draws steps (instance.Seed + uint64 (2 * who + 1)) (Rng.below actions)
    let chosen places = Array.init (states * actions) (fun pair -> if places pair then 1.0 else 0.0) |> Expr.vector
    let value state q = Expr.log (Expr.sum (chosen (fun pair -> pair / actions = state) * Expr.exp q))
    let worth pair q = Expr.sum (chosen (fun other -> other = pair) * q)

    let sum who (term: int -> int -> int -> Expr) =
        let visited, taken = visited who, taken who

        [ for step in 0 .. steps - 1 -> term visited[step] (visited[step] * actions + taken[step]) visited[step + 1] ]
        |> List.reduce (+)

    let errors reward who q =
        sum who (fun _ pair next -> 0.5 * Expr.square (worth pair q - reward - discount * value next q))

    let paid q = errors 1.0 0 q + errors 0.0 1 q

    let cloned q =
        let cloning = sum 0 (fun state pair _ -> Regression.behaviourCloning (worth pair q - value state q))
        let along = sum 0 (fun state _ next -> value state q - discount * value next q)
        errors 0.0 0 q + errors 0.0 1 q + cloning - along

    let q = Expr.vector (Instance.normals 0 (states * actions) instance)
    Expect.close 1e-10 "slopes" (numbers (Diff.grad cloned q)) (numbers (Diff.grad paid q))
    Expect.close 1e-10 "values" [| 0.5 * float steps |] (numbers (paid q - cloned q))

[<Theorem>]
let ``preferences: the model is that of returns, symmetric, and indifferent where returns are alike``
    (instance: Instance)
    =
    let first = Expr.reshape [| 2; 3 |] (Expr.vector (Instance.normals 0 6 instance))
    let second = Expr.reshape [| 2; 3 |] (Expr.vector (Instance.normals 1 6 instance))
    let noise = 0.2
    let probability a b = numbers (Preferences.probability 0.9 noise 4.0 a b)
    let there, back = probability first second, probability second first
    Expect.close 1e-12 "both ways" [| 1.0; 1.0 |] (Array.map2 (+) there back)
    Expect.close 1e-12 "alike" [| 0.5; 0.5 |] (probability first first)

    for p in there do
        Assert.InRange(p, noise / 2.0, 1.0 - noise / 2.0)

    // A difference that every step has counts Σ γᵗ of it.
    let raised = probability (first + 0.1) first
    let expected = 0.5 * noise + (1.0 - noise) / (1.0 + exp (-0.1 * (1.0 + 0.9 + 0.81)))
    Expect.close 1e-12 "raised" [| expected; expected |] raised
    let far = probability (first + 100.0) first
    let most = 0.5 * noise + (1.0 - noise) / (1.0 + exp -4.0)
    Expect.close 1e-12 "clipped" [| most; most |] far

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
