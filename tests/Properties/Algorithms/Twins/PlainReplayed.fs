/// What the twins that learn from replayed steps share, and plain deep Q-learning: a list of steps instead of a
/// memory, one step and one transition at a time.
namespace Rl.Tests.Algorithms.Twins

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning

/// A remembered step.
type PlainTransition =
    {
        State: float[]
        Action: float[]
        Reward: float
        Terminated: bool
        /// The last step of its episode.
        Ended: bool
        /// What the step led to: at an episode's end the true last observation.
        Next: float[]
        /// What is possible there; empty where all is, or where nobody knows.
        NextMask: bool[]
        /// The recurrent state before it was seen; empty without one.
        Memory: float[]
    }

/// Remembered steps of N copies, the oldest first: step by step, within a step copy by copy.
type PlainMemory = { Copies: int; Capacity: int; Steps: PlainTransition list }

[<RequireQualifiedAccess>]
module PlainMemory =

    let private column (replay: Replay) name =
        match replay.Columns |> List.tryFind (fun column -> column.Name = name) with
        | None -> None
        | Some column ->
            let values = (Replay.take (Array.init replay.Count id) replay)[column]
            Some(fun row -> Array.sub values (row * column.Numbers) column.Numbers |> Array.map float)

    /// What a state remembers.
    let ofReplay (replay: Replay) : PlainMemory =
        let get name = (column replay name).Value
        let masks = column replay "nextMasks"
        let states = column replay "states" |> Option.defaultValue (fun _ -> [||])

        {
            Copies = replay.Copies
            Capacity = replay.Capacity
            Steps =
                [
                    for row in 0 .. replay.Count - 1 do
                        let terminated = (get "continues" row)[0] = 0.0

                        {
                            State = get "observations" row
                            Action = get "actions" row
                            Reward = (get "rewards" row)[0]
                            Terminated = terminated
                            Ended = (get "ends" row)[0] <> 0.0
                            Next = get "nextObservations" row
                            NextMask =
                                match masks with
                                | Some mask when not terminated -> mask row |> Array.map ((=) 1.0)
                                | _ -> [||]
                            Memory = states row
                        }
                ]
        }

    /// With further steps; the oldest beyond the capacity are forgotten.
    let add (steps: PlainTransition list) (memory: PlainMemory) : PlainMemory =
        let all = memory.Steps @ steps
        { memory with Steps = List.skip (max 0 (all.Length - memory.Capacity)) all }

    /// Rows drawn with equal probability, and the stream that follows.
    let draw size (memory: PlainMemory) (key: Rng) : int[] * Rng =
        [| 1..size |]
        |> Array.mapFold
            (fun key _ ->
                let struct (row, key) = Rng.below memory.Steps.Length key
                row, key)
            key

    /// Up to n steps of one copy from a row on, within its episode.
    let ahead steps (memory: PlainMemory) (row: int) : PlainTransition list =
        let all = Array.ofList memory.Steps
        let own = [ for index in row .. memory.Copies .. all.Length - 1 -> all[index] ]
        let within = own |> List.tryFindIndex _.Ended |> Option.map ((+) 1) |> Option.defaultValue own.Length
        List.truncate (min steps within) own

/// Priorities by slot: step i ever remembered has slot i mod capacity. The newest `delay` steps have none yet. Numbers
/// are kept as float32.
[<Sealed>]
type PlainPriorities(exponent: float, capacity: int, delay: int, state: TrainingState) =
    let slots, largest =
        if exponent > 0.0 then
            let kept = state.Array "priorities" |> Array.map float
            kept[.. capacity - 1], kept[capacity]
        else
            [||], 0.0

    let single (x: float) = float (float32 x)
    let mutable largest = largest
    let mutable appended = state.Replay.Value.Appended

    let slot (memory: PlainMemory) row = int ((appended - int64 memory.Steps.Length + int64 row) % int64 capacity)

    /// Of all steps.
    new(exponent, capacity, state) = PlainPriorities(exponent, capacity, 0, state)

    /// New steps get the largest priority so far, once they are not of the newest.
    member _.Add(steps: PlainTransition list) : unit =
        for _ in steps do
            if exponent > 0.0 then
                slots[int (appended % int64 capacity)] <- 0.0

                if appended >= int64 delay then
                    slots[int ((appended - int64 delay) % int64 capacity)] <- single (largest ** exponent)

            appended <- appended + 1L

    /// Draw b comes from the b-th of as many equal parts of the sum: rows, weights of exponent β over their largest,
    /// and the stream that follows.
    member _.Draw(size: int, memory: PlainMemory, correction: float, key: Rng) : int[] * float[] * Rng =
        let sums = Array.scan (+) 0.0 slots
        let total = Array.last sums

        let rows, key =
            [| 0 .. size - 1 |]
            |> Array.mapFold
                (fun key draw ->
                    let struct (u, key) = Rng.uniform key
                    let point = (float draw + u) / float size * total
                    let chosen = Seq.findIndex (fun sum -> sum > point) (Seq.skip 1 sums)
                    Seq.findIndex (fun row -> slot memory row = chosen) (seq { 0 .. memory.Steps.Length - 1 }), key)
                key

        let weight row = (float memory.Steps.Length * slots[slot memory row] / total) ** -correction
        let weights = Array.map weight rows
        rows, weights |> Array.map (fun weight -> weight / Array.max weights), key

    /// |δ| + 10⁻⁶ to the power α.
    member _.Set(memory: PlainMemory, rows: int[], errors: float[]) : unit =
        for row, error in Array.zip rows errors do
            let priority = single (abs error + 1e-6)
            largest <- max largest priority
            slots[slot memory row] <- single ((abs error + 1e-6) ** exponent)

    /// What a state keeps.
    member _.Arrays: (string * float[]) list =
        if exponent > 0.0 then
            [ "priorities", Array.append slots [| largest |] ]
        else
            []

/// Plain off-policy algorithms.
[<RequireQualifiedAccess>]
module PlainReplayed =

    /// Acting until updates are due: struct (the steps, the statistics afterwards). `choose` gives a copy's action and
    /// the stream that follows, from the number of steps taken, an observation as the network sees it, a mask, a
    /// stream.
    let act (c: OffPolicyOptions) choices statistics taken (world: TwinWorld) choose =
        let seen = ResizeArray<float[]>()

        let steps =
            [
                for vectorStep in 0 .. c.TrainFrequency - 1 do
                    for copy in 0 .. world.Copies - 1 do
                        let raw = world.Present copy
                        seen.Add raw
                        let mask = world.Mask(copy, choices)
                        let before = taken + int64 (vectorStep * world.Copies)
                        let memory = world.Remembered copy

                        let action, key =
                            choose copy before (PlainStatistics.normalise statistics raw) mask world.Keys[copy]

                        world.Keys[copy] <- key
                        let struct (reward, terminated, truncated, led) = world.Step(copy, action)
                        let isKnown = not truncated

                        {
                            State = raw
                            Action = action
                            Reward = reward
                            Terminated = terminated
                            Ended = terminated || truncated
                            Next = led
                            NextMask =
                                if terminated then [||]
                                elif isKnown then world.Mask(copy, choices)
                                else Array.create (world.Mask(copy, choices)).Length false
                            Memory = memory
                        }
            ]

        struct (steps, PlainStatistics.add (seen.ToArray()) statistics)

    /// Rounds: acting, targets and updates as they come. `follow` is told the number of vector steps before and after,
    /// `learn` the memory, the statistics, the steps so far and the key; it gives the key that follows.
    let round
        (c: OffPolicyOptions)
        choices
        (state: TrainingState)
        (world: TwinWorld)
        (priorities: PlainPriorities)
        choose
        follow
        learn
        =
        let copies = world.Copies
        let between = c.TrainFrequency * copies
        let mutable memory = PlainMemory.ofReplay state.Replay.Value
        let mutable statistics = PlainStatistics.ofRunning state.Observations
        let mutable taken, key = state.Steps, state.Key

        for _ in 1 .. (c.RoundSteps + between - 1) / between do
            let struct (steps, next) = act c choices statistics taken world choose
            memory <- PlainMemory.add steps memory
            priorities.Add steps
            statistics <- next
            follow (taken / int64 copies) ((taken + int64 between) / int64 copies)
            taken <- taken + int64 between

            if taken > int64 c.LearningStarts then
                for _ in 1 .. (if c.GradientSteps < 0 then -c.GradientSteps * between else c.GradientSteps) do
                    key <- learn memory statistics taken key

        struct (memory, statistics, taken, key)

    /// One of the possible choices, all alike.
    let uniform count (mask: bool[]) (key: Rng) : float[] * Rng =
        let possible = [| 0 .. count - 1 |] |> Array.filter (fun choice -> mask.Length = 0 || mask[choice])
        let struct (drawn, key) = Rng.below possible.Length key
        [| float possible[drawn] |], key

/// Plain noise in dense layers: each of their numbers w has a deviation σ, later in θ, and counts as w + σ ε (Fortunato
/// et al. 2018, equations 9 to 11).
[<RequireQualifiedAccess>]
module PlainNoisyLayers =

    let private normals count key =
        [| 1..count |]
        |> Array.mapFold
            (fun key _ ->
                let struct (drawn, key) = Rng.normal key
                drawn, key)
            key

    /// ε of each deviation.
    let draw (kind: NoisyNetworks) (layers: PlainLayer list) (key: Rng) : float[] * Rng =
        let f x = float (sign x) * sqrt (abs x)

        let ofLayer key (layer: PlainLayer) =
            match kind with
            | NoisyNetworks.Off -> [||], key
            | NoisyNetworks.Independent -> normals ((layer.Inputs + 1) * layer.Outputs) key
            | NoisyNetworks.Factorised ->
                let before, key = normals layer.Inputs key
                let after, key = normals layer.Outputs key

                Array.append
                    [|
                        for i in before do
                            for j in after -> f i * f j
                    |]
                    (Array.map f after),
                key

        let noise, key = List.mapFold ofLayer key layers
        Array.concat noise, key

    /// w + σ ε; θ itself without noise.
    let apply (noise: float[]) (theta: Scalar[]) : Scalar[] =
        if noise.Length = 0 then
            theta
        else
            Array.init noise.Length (fun i -> theta[i] + noise[i] * theta[noise.Length + i])

/// What a plain learner of action values is made of. Observations are as the network sees them.
[<NoEquality; NoComparison>]
type PlainValueLearner =
    {
        Values: ValueOptions
        /// Q(s, ·) from parameters and an observation, component after component of an action.
        ActionValues: Scalar[] -> float[] -> Scalar[]
        /// How many levels are drawn for each transition, in several lists.
        Levels: int list
        /// What up to n steps should lead to, from the parameters that learn, those of the target, what makes an
        /// observation one that the network sees, and levels; none where that cannot be known.
        Target: Scalar[] -> Scalar[] -> (float[] -> float[]) -> float[] list -> PlainTransition list -> float[] option
        /// From parameters, an observation, levels and an action: what is reported as its value.
        Estimate: Scalar[] -> float[] -> float[] list -> float[] -> Scalar
        /// What that costs beside the target, and the error that its priority follows.
        Cost: Scalar[] -> float[] -> float[] list -> float[] -> float[] -> struct (Scalar * float)
    }

/// Plain learning of action values: ε-greedy, a target network that follows, drawn transitions.
[<RequireQualifiedAccess>]
module PlainValues =

    /// The first of the possible actions with the largest value.
    let best (mask: bool[]) (q: Scalar[]) : int =
        [| 0 .. q.Length - 1 |]
        |> Array.filter (fun choice -> mask.Length = 0 || mask[choice])
        |> Array.maxBy (fun choice -> q[choice].Value)

    /// How many choices each component of an action has.
    let components (actions: Space) : int list =
        PlainPolicy.partsOf actions
        |> List.collect (function
            | Choice count -> [ count ]
            | Bits count -> List.replicate count 2
            | Normals _ -> invalidArg (nameof actions) "A number is no choice.")

    /// What lies side by side for all components, cut into theirs.
    let split (counts: int list) (values: 'T[]) : 'T[] list =
        List.zip (List.scan (+) 0 counts |> List.take counts.Length) counts
        |> List.map (fun (first, count) -> if values.Length = 0 then [||] else Array.sub values first count)

    /// Whether nobody knows what was possible after a step.
    let isUnknown (step: PlainTransition) : bool = step.NextMask.Length > 0 && not (Array.contains true step.NextMask)

    /// Σ γⁱ rᵢ of some steps.
    let earned (discount: float) (steps: PlainTransition list) : float =
        steps |> List.mapi (fun i step -> discount ** float i * step.Reward) |> List.sum

    /// The probability of a random action after so many steps.
    let epsilon (plan: PlanOptions) (c: EpsilonGreedyOptions) (steps: int64) : float =
        let part = float steps / (c.ExplorationFraction * float plan.TotalSteps)
        c.InitialExploration + (c.FinalExploration - c.InitialExploration) * min 1.0 part

    /// A round, and what is remembered after it.
    let transition (c: PlainValueLearner) (view: TwinView) : Expected * PlainMemory =
        let state = view.State
        let world = TwinWorld(view.Environment, state)
        let values = c.Values
        let mutable theta = view.Theta
        let mutable frozen = state.Array "target" |> Array.map float
        let losses, norms, chosen = ResizeArray<float>(), ResizeArray<float>(), ResizeArray<float>()
        let isNoisy = not values.NoisyNetworks.IsOff
        let mutable acting = if isNoisy then state.Array "acting" |> Array.map float else [||]
        let noiseOf key = PlainNoisyLayers.draw values.NoisyNetworks view.Network.Actor key
        let counts = components view.Environment.ActionSpace
        let masks = if view.Environment.HasActionMasks then List.sum counts else 0

        /// For each component its number of choices, what is possible, and its action values.
        let each mask q = List.zip3 counts (split counts mask) (split counts q)

        let rateAt (steps: int64) =
            if values.Rate.AnnealLearningRate then
                values.Rate.LearningRate * (1.0 - float steps / float values.Plan.TotalSteps)
            else
                values.Rate.LearningRate

        let epsilon = epsilon values.Plan values.Exploration
        let mutable rate = values.Rate.LearningRate
        let replayed = values.OffPolicy
        let priorities = PlainPriorities(replayed.PriorityExponent, replayed.BufferSize, state)

        let correction (steps: int64) =
            let gone = min 1.0 (float steps / float values.Plan.TotalSteps)
            replayed.PriorityCorrection + (1.0 - replayed.PriorityCorrection) * gone

        let adam = PlainAdam("optimiser", (fun () -> rate), values.AdamEpsilon, state)

        let choose _ (steps: int64) seen mask key =
            let q =
                if steps < int64 replayed.LearningStarts then
                    [||]
                else
                    c.ActionValues (Array.map Scalar.constant (if isNoisy then acting else theta)) seen

            let one key (count, mask, q: Scalar[]) =
                if q.Length = 0 then
                    PlainReplayed.uniform count mask key
                elif isNoisy then
                    [| float (best mask q) |], key
                else
                    let struct (u, key) = Rng.uniform key

                    if u < epsilon steps then
                        PlainReplayed.uniform count mask key
                    else
                        [| float (best mask q) |], key

            let chosen, key = each mask q |> List.mapFold one key
            Array.concat chosen, key

        let follow (before: int64) (after: int64) =
            let every = int64 (max 1 (values.TargetUpdateInterval / world.Copies))

            for step in before + 1L .. after do
                if step % every = 0L then
                    frozen <- Array.map2 (fun f t -> f + values.TargetRate * (t - f)) frozen theta

        /// The levels of each row: list after list, row after row.
        let drawLevels rows key =
            let draw count key =
                [| 1 .. rows * count |]
                |> Array.mapFold
                    (fun key _ ->
                        let struct (u, key) = Rng.uniform key
                        float (float32 u), key)
                    key

            let lists, key =
                c.Levels
                |> List.mapFold
                    (fun key count ->
                        let drawn, key = draw count key
                        (count, drawn), key)
                    key

            Array.init rows (fun row -> [ for count, drawn in lists -> Array.sub drawn (row * count) count ]), key

        let learn memory statistics steps key =
            let rows, weights, key =
                if replayed.PriorityExponent > 0.0 then
                    priorities.Draw(replayed.BatchSize, memory, correction steps, key)
                else
                    let rows, key = PlainMemory.draw replayed.BatchSize memory key
                    rows, Array.create rows.Length 1.0, key

            let see = PlainStatistics.normalise statistics
            rate <- rateAt steps
            let struct (stream, rest) = Rng.split key
            let ofOnline, stream = noiseOf stream
            let ofTarget, stream = noiseOf stream
            let online = Array.map Scalar.constant theta |> PlainNoisyLayers.apply ofOnline
            let still = Array.map Scalar.constant frozen |> PlainNoisyLayers.apply ofTarget

            let levels, rest = drawLevels rows.Length (if isNoisy then rest else key)

            /// What 1, 2, … of some steps should lead to, together.
            let mixed levels (steps: PlainTransition list) =
                let lambda, longest = replayed.ReturnLambda, steps.Length
                let target count = c.Target online still see levels (List.truncate count steps)

                target longest
                |> Option.map (fun whole ->
                    Seq.fold
                        (fun sum count ->
                            let share = (1.0 - lambda) * lambda ** float (count - 1)
                            Array.map2 (fun sum part -> sum + share * part) sum (target count).Value)
                        (whole |> Array.map (fun part -> lambda ** float (longest - 1) * part))
                        (if lambda < 1.0 then seq { 1 .. longest - 1 } else Seq.empty))

            let wanted =
                Array.zip rows levels
                |> Array.map (fun (row, levels) ->
                    let steps = PlainMemory.ahead replayed.ReturnSteps memory row
                    List.head steps, levels, mixed levels steps)

            let mutable errors = [||]

            let struct (terms, gradient) =
                PlainCredit.differentiate theta (fun theta ->
                    let theta = PlainNoisyLayers.apply ofOnline theta

                    let estimates =
                        wanted
                        |> Array.map (fun (step, levels, _) -> c.Estimate theta (see step.State) levels step.Action)

                    let costs =
                        wanted
                        |> Array.map (fun (step, levels, wanted) ->
                            match wanted with
                            | None -> struct (Scalar.constant 0.0, 0.0)
                            | Some wanted -> c.Cost theta (see step.State) levels step.Action wanted)

                    errors <- costs |> Array.map (fun struct (_, error) -> error)
                    let weighted = Array.map2 (fun weight struct (cost: Scalar, _) -> weight * cost) weights costs

                    [
                        PlainCredit.term "valueLoss" 1.0 (Scalar.mean weighted)
                        PlainCredit.term "actionValue" 0.0 (Scalar.mean estimates)
                    ])

            losses.Add(snd terms[0])
            chosen.Add(snd terms[1])
            norms.Add(Gradient.norm gradient)
            theta <- adam.Step(theta, Gradient.clip values.MaxGradientNorm gradient)
            if replayed.PriorityExponent > 0.0 then priorities.Set(memory, rows, errors)

            if isNoisy then
                acting <-
                    Array.map Scalar.constant theta
                    |> PlainNoisyLayers.apply (fst (noiseOf stream))
                    |> Array.map Scalar.value

            rest

        let struct (memory, statistics, taken, key) =
            PlainReplayed.round replayed masks state world priorities choose follow learn

        let deviation = Array.averageBy abs theta[acting.Length ..]
        let mean (values: ResizeArray<float>) = if values.Count = 0 then nan else Seq.average values

        {
            Theta = theta
            Arrays =
                [ "target", frozen; yield! adam.Arrays; yield! priorities.Arrays; if isNoisy then "acting", acting ]
            Observations = statistics
            Rewards = PlainStatistics.ofRunning state.Rewards
            DiscountedReturns = state.DiscountedReturns
            Key = key
            ActionKeys = world.Keys
            Metrics =
                [
                    if isNoisy then
                        "noiseDeviation", deviation
                    else
                        "explorationRate", epsilon taken
                    "learningRate", rateAt taken
                    "gradientSteps", float losses.Count
                    "remembered", float memory.Steps.Length
                    if replayed.PriorityExponent > 0.0 then "priorityCorrection", correction taken
                    if losses.Count > 0 then
                        "valueLoss", mean losses
                        "actionValue", mean chosen
                        "gradientNorm", mean norms
                ]
        },
        memory

/// Plain deep Q-learning (Mnih et al. 2015, algorithm 1).
[<RequireQualifiedAccess>]
module PlainDqn =

    /// Q_d(s, ·) of each component of an action.
    let private values (c: DqnOptions) counts (network: PlainNetwork) theta observation : Scalar[] list =
        let outputs = (PlainNetwork.policy network theta observation [||]).Outputs

        if c.Values.Dueling then
            PlainValues.split counts outputs[1..]
            |> List.map (fun advantages ->
                advantages |> Array.map (fun advantage -> outputs[0] + advantage - Scalar.mean advantages))
        else
            PlainValues.split counts outputs

    /// struct (τ ln π, Σ π (q − τ ln π)) of π = softmax(q/τ).
    let private soft temperature (q: Scalar[]) =
        let largest = q |> Array.map Scalar.value |> Array.max
        let total = q |> Array.sumBy (fun value -> exp ((value.Value - largest) / temperature))
        let logs = q |> Array.map (fun value -> value.Value - largest - temperature * log total)
        let soft = Array.map2 (fun (value: Scalar) log -> exp (log / temperature) * (value.Value - log)) q logs
        struct (logs, Array.sum soft)

    /// What a transition should be worth: nothing where that cannot be known. Of several components it is the mean
    /// (Tavakoli et al. 2018, equation 5).
    let private target (c: DqnOptions) counts network (online: Scalar[]) frozen see (steps: PlainTransition list) =
        let discount = c.Values.OffPolicy.Discount
        let first, last = List.head steps, List.last steps
        let earned = PlainValues.earned discount steps
        let values = values c counts network

        if last.Terminated then
            if c.Target.IsMunchausen then
                let struct (logs, _) = soft c.MunchausenTemperature (values frozen (see first.State)).Head
                let bonus = max c.MunchausenFloor (min 0.0 logs[int first.Action[0]])
                Some(earned + c.MunchausenScale * bonus)
            else
                Some earned
        elif PlainValues.isUnknown last then
            None
        else
            let next = values frozen (see last.Next)
            let ahead = discount ** float steps.Length

            let best choosers =
                List.zip3 next choosers (PlainValues.split counts last.NextMask)
                |> List.averageBy (fun (q, chooser, mask) -> q[PlainValues.best mask chooser].Value)

            match c.Target with
            | ValueTarget.Maximum -> Some(earned + ahead * best next)
            | ValueTarget.Double -> Some(earned + ahead * best (values online (see last.Next)))
            | ValueTarget.Munchausen ->
                let struct (logs, _) = soft c.MunchausenTemperature (values frozen (see first.State)).Head
                let struct (_, value) = soft c.MunchausenTemperature next.Head
                let bonus = max c.MunchausenFloor (min 0.0 logs[int first.Action[0]])
                Some(earned + c.MunchausenScale * bonus + ahead * value)

    /// A round of plain deep Q-learning, and what it remembers.
    let transition (c: DqnOptions) (view: TwinView) : Expected * PlainMemory =
        let counts = PlainValues.components view.Environment.ActionSpace
        let values = values c counts view.Network

        let chosen theta seen (action: float[]) =
            values theta seen |> List.mapi (fun d q -> q[int action[d]]) |> List.toArray

        let cost theta seen _ action (wanted: float[]) =
            let errors = chosen theta seen action |> Array.map (fun q -> wanted[0] - q)

            let one (error: Scalar) =
                match c.Loss with
                | ValueError.Squared -> Scalar.square error
                | ValueError.Huber when abs error.Value <= 1.0 -> 0.5 * Scalar.square error
                | ValueError.Huber -> (if error.Value > 0.0 then error else -error) - 0.5

            struct (Array.map one errors |> Scalar.mean, errors |> Array.sumBy (fun error -> abs error.Value))

        PlainValues.transition
            {
                Values = c.Values
                ActionValues = fun theta seen -> values theta seen |> Array.concat
                Levels = []
                Estimate = fun theta seen _ action -> Scalar.mean (chosen theta seen action)
                Target =
                    fun online frozen see _ steps ->
                        target c counts view.Network online frozen see steps |> Option.map Array.singleton
                Cost = cost
            }
            view
