/// Plain streaming learners: one step, one sample, one gradient at a time, for each copy in its turn.
namespace Rl.Tests.Algorithms.Twins

open System
open Rl.Core.Algorithms
open Rl.Core.Foundations

/// A step of a copy.
type PlainStreamStep =
    {
        Raw: float[]
        /// What it led to: at an episode's end the true last observation.
        Led: float[]
        Action: float[]
        /// What was possible; empty where all is.
        Mask: bool[]
        /// What is possible after it; all false where nobody knows.
        NextMask: bool[]
        Reward: float
        Terminated: bool
        Truncated: bool
        /// The action was not the best.
        Explored: bool
    }

/// Neighbouring elements of θ that have a trace of their own, and their κ.
type PlainTraced = { Name: string; First: int; Count: int; Factor: float }

/// Streaming learners (Elsayed, Vasan and Mahmood 2024).
[<RequireQualifiedAccess>]
module PlainStream =

    /// θ + α / max(1, α κ max(|δ|, 1) ‖z‖₁) · δ · z in the elements of a part.
    let private descend (rate: float) (part: PlainTraced) (error: float) (z: float[]) (theta: float[]) =
        let size = max 1.0 (abs error) * Array.sumBy abs z
        let step = rate / max 1.0 (rate * part.Factor * size)

        theta
        |> Array.mapi (fun i w ->
            if i >= part.First && i < part.First + part.Count then
                w + step * error * z[i - part.First]
            else
                w)

    /// A transition. `act` gives action, whether it explored, and the stream that follows, from θ, an observation as
    /// networks see it, a mask, the steps so far and a stream; `learn` the error, the gradient that each part traces
    /// and numbers to report, from θ, what makes an observation one that networks see, and a step.
    let transition (c: StreamOptions) (rateAt: int64 -> float) parts act learn metrics (view: TwinView) : Expected =
        let state = view.State
        let world = TwinWorld(view.Environment, state)
        let copies = world.Copies
        let choices = PlainExperience.choicesOf view.Network
        let name copy (part: PlainTraced) = $"{part.Name} of copy {copy}/eligibilityTrace"

        let traces =
            [|
                for copy in 0 .. copies - 1 -> [| for part in parts -> state.Array(name copy part) |> Array.map float |]
            |]

        let mutable theta = view.Theta
        let mutable statistics = PlainStatistics.ofRunning state.Observations
        let mutable rewards = PlainStatistics.ofRunning state.Rewards
        let returns = Array.copy state.DiscountedReturns
        let mutable steps = state.Steps
        let losses = ResizeArray<float>()
        let reports = ResizeArray<(string * float) list>()

        for _ in 1 .. (c.RoundSteps + copies - 1) / copies do
            let rate = rateAt steps

            let taken =
                [|
                    for copy in 0 .. copies - 1 ->
                        let raw = world.Present copy
                        let mask = world.Mask(copy, choices)

                        let struct (action, explored, key) =
                            act theta (PlainStatistics.normalise statistics raw) mask steps world.Keys[copy]

                        world.Keys[copy] <- key
                        let struct (reward, terminated, truncated, led) = world.Step(copy, action)

                        {
                            Raw = raw
                            Led = led
                            Action = action
                            Mask = mask
                            NextMask =
                                if truncated && not terminated then
                                    Array.create mask.Length false
                                else
                                    world.Mask(copy, choices)
                            Reward = reward
                            Terminated = terminated
                            Truncated = truncated
                            Explored = explored
                        }
                |]

            steps <- steps + int64 copies
            statistics <- PlainStatistics.add (taken |> Array.map _.Raw) statistics
            let see = PlainStatistics.normalise statistics

            if c.NormaliseRewards then
                for copy in 0 .. copies - 1 do
                    returns[copy] <- c.Discount * returns[copy] + taken[copy].Reward

                rewards <- PlainStatistics.add (returns |> Array.map Array.singleton) rewards

            for copy in 0 .. copies - 1 do
                let step = taken[copy]
                let ended = step.Terminated || step.Truncated

                let reward =
                    if c.NormaliseRewards then
                        Math.Clamp(step.Reward / PlainStatistics.deviation rewards 0, -10.0, 10.0)
                    else
                        step.Reward

                if ended && c.NormaliseRewards then returns[copy] <- 0.0
                let decay = if step.Explored then 0.0 else c.Discount * c.Lambda

                let struct (error: float, gradients: float[] list, report) =
                    learn theta see { step with Reward = reward }

                losses.Add(0.5 * error * error)
                reports.Add report

                for index, (part, gradient) in List.indexed (List.zip parts gradients) do
                    let own = Array.sub gradient part.First part.Count
                    let z = Array.map2 (fun z g -> decay * z + g) traces[copy].[index] own
                    theta <- descend rate part error z theta
                    traces[copy].[index] <- if ended then Array.zeroCreate z.Length else z

        {
            Theta = theta
            Arrays =
                [
                    for copy in 0 .. copies - 1 do
                        for index, part in List.indexed parts do
                            name copy part, traces[copy].[index]
                ]
            Observations = statistics
            Rewards = rewards
            DiscountedReturns = returns
            Key = state.Key
            ActionKeys = world.Keys
            Metrics =
                [
                    "valueLoss", Seq.average losses
                    for name, _ in reports[0] do
                        name, reports |> Seq.averageBy (List.find (fst >> (=) name) >> snd)
                    yield! metrics steps
                    "learningRate", rateAt steps
                ]
        }

    /// The gradient of a number that follows from θ, and the number.
    let private gradientOf theta (f: Scalar[] -> Scalar) : struct (float * float[]) =
        let struct (terms, gradient) =
            PlainCredit.differentiate theta (fun theta -> [ PlainCredit.term "it" 1.0 (f theta) ])

        struct (snd terms[0], gradient)

    let private annealed (rate: Rl.Core.Learning.RateOptions) (total: int64) (steps: int64) =
        PlainRates.at (float steps / float total) rate.LearningRate

    /// Stream Q(λ).
    let q (c: StreamQOptions) (view: TwinView) : Expected =
        let network = view.Network
        let values theta seen = (PlainNetwork.policy network theta seen [||]).Outputs
        let numbers theta seen = values (Array.map Scalar.constant theta) seen |> Array.map Scalar.value
        let possible (mask: bool[]) choice = mask.Length = 0 || mask[choice]

        let best mask (q: float[]) =
            [| 0 .. q.Length - 1 |] |> Array.filter (possible mask) |> Array.maxBy (fun choice -> q[choice])

        let epsilon = PlainValues.epsilon c.Plan c.Exploration

        let act theta seen (mask: bool[]) steps key =
            let greedy = best mask (numbers theta seen)
            let struct (u, key) = Rng.uniform key

            let action, key =
                if u < epsilon steps then
                    PlainReplayed.uniform (numbers theta seen).Length mask key
                else
                    [| float greedy |], key

            struct (action, int action[0] <> greedy, key)

        let learn theta (see: float[] -> float[]) (step: PlainStreamStep) =
            let struct (value, gradient) =
                gradientOf theta (fun theta -> (values theta (see step.Raw))[int step.Action[0]])

            let ahead = numbers theta (see step.Led)

            let error =
                if step.Terminated then
                    step.Reward - value
                elif step.NextMask.Length > 0 && not (Array.contains true step.NextMask) then
                    0.0
                else
                    step.Reward + c.Stream.Discount * ahead[best step.NextMask ahead] - value

            struct (error, [ gradient ], [ "actionValue", value ])

        let part = { Name = "network"; First = 0; Count = network.Count; Factor = c.OvershootingFactor }
        let metrics (steps: int64) = [ "explorationRate", epsilon steps ]
        transition c.Stream (annealed c.Rate c.Plan.TotalSteps) [ part ] act learn metrics view

    /// Stream AC(λ).
    let actorCritic (c: StreamAcOptions) (view: TwinView) : Expected =
        let network = view.Network
        let constants = Array.map Scalar.constant

        let act theta seen mask (_: int64) key =
            let action, key = PlainExperience.draw (PlainNetwork.policy network (constants theta) seen mask) key
            struct (action, false, key)

        let learn theta (see: float[] -> float[]) (step: PlainStreamStep) =
            let struct (value, ofValue) =
                gradientOf theta (fun theta -> PlainNetwork.value network theta (see step.Raw))

            let after = (PlainNetwork.value network (constants theta) (see step.Led)).Value
            let ahead = if step.Terminated then 0.0 else c.Stream.Discount * after
            let error = step.Reward + ahead - value
            let policy theta = PlainNetwork.policy network theta (see step.Raw) step.Mask

            let struct (_, ofPolicy) =
                gradientOf theta (fun theta ->
                    let push = PlainRates.start c.EntropyCoefficient * float (sign error)
                    PlainPolicy.logProbability (policy theta) step.Action + push * PlainPolicy.entropy (policy theta))

            let entropy = (PlainPolicy.entropy (policy (constants theta))).Value
            struct (error, [ ofPolicy; ofValue ], [ "value", value; "entropy", entropy ])

        let actor = { Name = "actor"; First = 0; Count = network.ActorCount; Factor = c.PolicyOvershootingFactor }

        let critic =
            {
                Name = "critic"
                First = network.ActorCount
                Count = network.Count - network.ActorCount
                Factor = c.ValueOvershootingFactor
            }

        transition c.Stream (annealed c.Rate c.Plan.TotalSteps) [ actor; critic ] act learn (fun _ -> []) view
