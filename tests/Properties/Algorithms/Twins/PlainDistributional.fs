/// Plain C51, QR-DQN, IQN and FQF: distributions as arrays, one atom, one quantile and one pair of them at a time.
namespace Rl.Tests.Algorithms.Twins

open Rl.Core.Algorithms

[<RequireQualifiedAccess>]
module PlainDistributional =

    /// K numbers for each action; of a dueling network those of the state come first.
    let private distributions isDueling numbers (network: PlainNetwork) theta observation : Scalar[][] =
        let rows = (PlainNetwork.policy network theta observation [||]).Outputs |> Array.chunkBySize numbers

        if isDueling then
            let advantages = Array.tail rows
            let means = Array.transpose advantages |> Array.map Scalar.mean
            advantages |> Array.map (Array.mapi (fun k own -> rows[0].[k] + (own - means[k])))
        else
            rows

    /// After some steps: struct (Σ γⁱ rᵢ, γⁿ, the distribution that comes then); none where that is unknown.
    let private ahead
        discount
        isDouble
        online
        frozen
        see
        (steps: PlainTransition list)
        (distributions: Scalar[] -> float[] -> Scalar[][])
        (mean: Scalar[] -> Scalar)
        =
        let last = List.last steps
        let earned = PlainValues.earned discount steps

        if last.Terminated then
            let any = distributions frozen (see last.Next)
            Some(struct (earned, 0.0, any[0]))
        elif PlainValues.isUnknown last then
            None
        else
            let next = distributions frozen (see last.Next)
            let chooser = if isDouble then distributions online (see last.Next) else next
            let best = PlainValues.best last.NextMask (Array.map mean chooser)
            Some(struct (earned, discount ** float steps.Length, next[best]))

    let private softmax (logits: Scalar[]) : Scalar[] =
        let largest = logits |> Array.map Scalar.value |> Array.max
        let shares = logits |> Array.map (fun logit -> Scalar.exp (logit - largest))
        let total = Scalar.sum shares
        shares |> Array.map (fun share -> share / total)

    /// Each probability goes to the two atoms that its place lies between (Bellemare et al. 2017, algorithm 1).
    let private project (lowest: float) (highest: float) count (places: float[]) (probabilities: float[]) : float[] =
        let gap = (highest - lowest) / float (count - 1)
        let projected = Array.zeroCreate<float> count

        for place, probability in Array.zip places probabilities do
            let b = (min highest (max lowest place) - lowest) / gap
            let below = int (floor b)
            let above = min (count - 1) (below + 1)
            let share = b - float below
            projected[below] <- projected[below] + (1.0 - share) * probability
            projected[above] <- projected[above] + share * probability

        projected

    /// A round of C51, and what it remembers.
    let c51 (c: C51Options) (view: TwinView) : Expected * PlainMemory =
        let distributions = distributions c.Values.Dueling c.Atoms view.Network
        let gap = (c.HighestReturn - c.LowestReturn) / float (c.Atoms - 1)
        let atoms = Array.init c.Atoms (fun k -> c.LowestReturn + gap * float k)
        let mean logits = Array.map2 (fun (z: float) (p: Scalar) -> z * p) atoms (softmax logits) |> Scalar.sum

        let target online frozen see _ steps =
            match ahead c.Values.OffPolicy.Discount c.Double online frozen see steps distributions mean with
            | None -> None
            | Some(struct (earned, discount, next)) ->
                let places = atoms |> Array.map (fun z -> earned + discount * z)
                Some(project c.LowestReturn c.HighestReturn c.Atoms places (softmax next |> Array.map Scalar.value))

        let cost theta seen _ (action: float[]) (wanted: float[]) =
            let logits = distributions theta seen
            let probabilities = softmax logits[int action[0]]
            let cost = Array.map2 (fun (w: float) p -> -w * Scalar.log p) wanted probabilities |> Scalar.sum
            struct (cost, cost.Value)

        PlainValues.transition
            {
                Values = c.Values
                ActionValues = fun theta seen -> distributions theta seen |> Array.map mean
                Levels = []
                Estimate = fun theta seen _ action -> (distributions theta seen)[int action[0]] |> mean
                Target = target
                Cost = cost
                Proposal = None
            }
            view

    /// |τ − 1[u < 0]| L(u), u = target − place (Dabney et al. 2018, equation 10).
    let private pair threshold (level: float) (place: Scalar) (target: float) : Scalar =
        let error = target - place
        let size = if error.Value < 0.0 then -error else error

        let size =
            if threshold = 0.0 then size
            elif size.Value <= threshold then 0.5 * Scalar.square error
            else threshold * (size - 0.5 * threshold)

        (if error.Value < 0.0 then 1.0 - level else level) * size

    /// A round of QR-DQN, and what it remembers.
    let qrDqn (c: QrDqnOptions) (view: TwinView) : Expected * PlainMemory =
        let distributions = distributions c.Values.Dueling c.Quantiles view.Network

        let target online frozen see _ steps =
            match ahead c.Values.OffPolicy.Discount c.Double online frozen see steps distributions Scalar.mean with
            | None -> None
            | Some(struct (earned, discount, next)) -> Some(next |> Array.map (fun x -> earned + discount * x.Value))

        // For each quantile and each target.
        let cost theta seen _ (action: float[]) (wanted: float[]) =
            let all = distributions theta seen
            let own = all[int action[0]]

            let cost =
                own
                |> Array.mapi (fun i place ->
                    let level = (float i + 0.5) / float c.Quantiles
                    wanted |> Array.map (pair c.HuberThreshold level place) |> Scalar.mean)
                |> Scalar.sum

            struct (cost, cost.Value)

        PlainValues.transition
            {
                Values = c.Values
                ActionValues = fun theta seen -> distributions theta seen |> Array.map Scalar.mean
                Levels = []
                Estimate = fun theta seen _ action -> (distributions theta seen)[int action[0]] |> Scalar.mean
                Target = target
                Cost = cost
                Proposal = None
            }
            view

    /// Z_τ(s, ·) of an implicit quantile network: features times an embedding of cosines (Dabney et al. 2018b).
    let private quantile cosines isDueling (network: PlainNetwork) theta (observation: float[]) (level: float) =
        let dense layer x = PlainNetwork.dense theta layer x |> Array.map Scalar.tanh

        match network.Actor with
        | first :: embedding :: own ->
            let features = observation |> Array.map Scalar.constant |> dense first
            let cosines = [| for i in 1..cosines -> Scalar.constant (cos (System.Math.PI * float i * level)) |]
            let product = Array.map2 (fun (x: Scalar) (y: Scalar) -> x * y) features (dense embedding cosines)
            let last = List.last own
            let hidden = List.take (own.Length - 1) own |> List.fold (fun x layer -> dense layer x) product
            let outputs = PlainNetwork.dense theta last hidden

            if isDueling then
                let advantages = outputs[1..]
                advantages |> Array.map (fun own -> outputs[0] + own - Scalar.mean advantages)
            else
                outputs
        | _ -> invalidOp "An implicit quantile network has two layers before its own."

    /// A round of IQN, and what it remembers.
    let iqn (c: IqnOptions) (view: TwinView) : Expected * PlainMemory =
        let quantile = quantile c.Cosines c.Values.Dueling view.Network

        /// The distribution of each action at some levels.
        let distributions levels theta seen : Scalar[][] = levels |> Array.map (quantile theta seen) |> Array.transpose

        let middles = [| for k in 0 .. c.ChoiceQuantiles - 1 -> (float k + 0.5) / float c.ChoiceQuantiles |]

        let target online frozen see (levels: float[] list) (steps: PlainTransition list) =
            let last = List.last steps
            let earned = PlainValues.earned c.Values.OffPolicy.Discount steps

            if last.Terminated then
                Some(levels[1] |> Array.map (fun _ -> earned))
            elif PlainValues.isUnknown last then
                None
            else
                let seen = see last.Next
                let chooser = distributions levels[2] (if c.Double then online else frozen) seen
                let best = PlainValues.best last.NextMask (Array.map Scalar.mean chooser)
                let discount = c.Values.OffPolicy.Discount ** float steps.Length
                Some((distributions levels[1] frozen seen)[best] |> Array.map (fun x -> earned + discount * x.Value))

        let cost theta seen (levels: float[] list) (action: float[]) (wanted: float[]) =
            let own = (distributions levels[0] theta seen)[int action[0]]

            let cost =
                Array.map2
                    (fun level place -> wanted |> Array.map (pair c.HuberThreshold level place) |> Scalar.mean)
                    levels[0]
                    own
                |> Scalar.sum

            struct (cost, cost.Value)

        PlainValues.transition
            {
                Values = c.Values
                ActionValues = fun theta seen -> distributions middles theta seen |> Array.map Scalar.mean
                Levels = [ c.Quantiles; c.TargetQuantiles; c.ChoiceQuantiles ]
                Estimate =
                    fun theta seen levels action -> (distributions levels[0] theta seen)[int action[0]] |> Scalar.mean
                Target = target
                Cost = cost
                Proposal = None
            }
            view

    /// The fractions that features propose, which these do not learn from: their sizes (Yang et al. 2019).
    let private sizes (count: int) (network: PlainNetwork) (theta: Scalar[]) (observation: float[]) : Scalar[] =
        let first = List.head network.Actor

        let features =
            observation
            |> Array.map Scalar.constant
            |> PlainNetwork.dense theta first
            |> Array.map (fun x -> Scalar.constant (tanh x.Value))

        // The proposal is the last layer of θ.
        let weight = theta.Length - (first.Outputs + 1) * count

        let layer =
            {
                Weight = weight
                Bias = weight + first.Outputs * count
                Inputs = first.Outputs
                Outputs = count
                Normalisation = ValueNone
            }

        softmax (PlainNetwork.dense theta layer features)

    /// struct (τ₁ … τ_{N−1}, the middles) of fractions of some sizes.
    let private levels (sizes: Scalar[]) : struct (Scalar[] * Scalar[]) =
        let bounds = sizes |> Array.scan (+) (Scalar.constant 0.0)
        struct (bounds[1 .. sizes.Length - 1], sizes |> Array.mapi (fun i size -> bounds[i] + 0.5 * size))

    /// A round of FQF, and what it remembers.
    let fqf (c: FqfOptions) (view: TwinView) : Expected * PlainMemory =
        let quantile = quantile c.Cosines c.Values.Dueling view.Network
        let sizes = sizes c.Fractions view.Network

        /// The distribution of each action at some levels.
        let distributions (levels: Scalar[]) theta seen : Scalar[][] =
            levels |> Array.map (fun level -> quantile theta seen level.Value) |> Array.transpose

        let weighed (sizes: Scalar[]) (places: Scalar[]) =
            Array.map2 (fun (size: Scalar) (place: Scalar) -> size.Value * place) sizes places |> Scalar.sum

        let values proposing theta seen : Scalar[] =
            let sizes = sizes proposing seen
            let struct (_, middles) = levels sizes
            distributions middles theta seen |> Array.map (weighed sizes)

        let target online frozen see _ (steps: PlainTransition list) =
            let last = List.last steps
            let earned = PlainValues.earned c.Values.OffPolicy.Discount steps

            if last.Terminated then
                Some(Array.create c.Fractions earned)
            elif PlainValues.isUnknown last then
                None
            else
                let seen = see last.Next
                let struct (_, middles) = levels (sizes online seen)
                let best = PlainValues.best last.NextMask (values online (if c.Double then online else frozen) seen)
                let discount = c.Values.OffPolicy.Discount ** float steps.Length
                Some((distributions middles frozen seen)[best] |> Array.map (fun x -> earned + discount * x.Value))

        let cost theta seen _ (action: float[]) (wanted: float[]) =
            let struct (_, middles) = levels (sizes theta seen)
            let own = (distributions middles theta seen)[int action[0]]

            let cost =
                Array.map2
                    (fun (level: Scalar) place ->
                        wanted |> Array.map (pair c.HuberThreshold level.Value place) |> Scalar.mean)
                    middles
                    own
                |> Scalar.sum

            struct (cost, cost.Value)

        let loss (theta: Scalar[]) seen (action: float[]) =
            let sizes = sizes theta seen
            let struct (bounds, middles) = levels sizes
            let still = theta |> Array.map (fun x -> Scalar.constant x.Value)
            let at levels = (distributions levels still seen)[int action[0]] |> Array.map Scalar.value
            let f, middle = at bounds, at middles

            let slope i =
                let before, after = f[i] - middle[i], f[i] - middle[i + 1]

                match c.FractionSlope with
                | FractionSlope.Ordered -> before + after
                | FractionSlope.Signed ->
                    let left = if i = 0 then middle[0] else f[i - 1]
                    let right = if i = f.Length - 1 then middle[i + 1] else f[i + 1]
                    (if f[i] > left then before else -before) + (if f[i] < right then after else -after)

            let distance = bounds |> Array.mapi (fun i bound -> slope i * bound) |> Scalar.sum
            let entropy = sizes |> Array.map (fun size -> -(size * Scalar.log size)) |> Scalar.sum
            struct (distance - PlainRates.start c.FractionEntropy * entropy, entropy)

        let proposal state : PlainProposal =
            let step, arrays =
                match c.FractionOptimiser with
                | FractionOptimiser.RmsProp ->
                    let own = PlainRmsProp("fractionOptimiser", 1.0, 0.95, 1e-5, false, state)
                    own.Step, (fun () -> own.Arrays)
                | FractionOptimiser.Adam ->
                    let own = PlainAdam("fractionOptimiser", 1.0, 1e-8, state)
                    own.Step, (fun () -> own.Arrays)

            {
                Count = view.Network.Count - (state.Array "target").Length
                Loss = loss
                Step =
                    fun share theta gradient ->
                        let rate = share * PlainRates.start c.FractionLearningRate
                        Array.map2 (fun x moved -> x + rate * (moved - x)) theta (step (theta, gradient))
                Arrays = arrays
            }

        PlainValues.transition
            {
                Values = c.Values
                ActionValues = fun theta seen -> values theta theta seen
                Levels = []
                Estimate = fun theta seen _ action -> (values theta theta seen)[int action[0]]
                Target = target
                Cost = cost
                Proposal = Some proposal
            }
            view
