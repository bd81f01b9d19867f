/// Networks and policies for the twins: one observation at a time, written as the formulas stand in books.
namespace Rl.Tests.Algorithms.Twins

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Tests.Algorithms

/// A part of an action: one of several choices, some bits, or some numbers of a normal distribution.
type PlainPart =
    | Choice of count: int
    | Bits of count: int
    | Normals of count: int

/// What a policy says in one state: its outputs, ln σ of its normals, and which choices are possible (empty: all).
type PlainPolicy = { Parts: PlainPart list; Outputs: Scalar[]; LogDeviations: Scalar[]; Mask: bool[] }

[<RequireQualifiedAccess>]
module PlainPolicy =

    let private halfLogTwoPi = 0.5 * log (2.0 * Math.PI)

    /// The parts of a space of actions, in their order.
    let rec partsOf (space: Space) : PlainPart list =
        match space with
        | Space.Discrete(count, _) -> [ Choice count ]
        | Space.MultiDiscrete(counts, _) -> counts |> Array.map Choice |> Array.toList
        | Space.MultiBinary _ -> [ Bits space.Size ]
        | Space.Box(low, _, _) -> [ Normals low.Length ]
        | Space.Tuple parts -> List.collect partsOf parts
        | Space.Dict entries -> entries |> List.collect (snd >> partsOf)

    /// Outputs of a part, elements of its action, elements of its mask, deviations.
    let private sizes part =
        match part with
        | Choice count -> count, 1, count, 0
        | Bits count -> count, count, 2 * count, 0
        | Normals count -> count, count, 0, count

    let outputsOf parts = parts |> List.sumBy (fun part -> let outputs, _, _, _ = sizes part in outputs)

    let private cut first count (values: 'T[]) = if values.Length = 0 then [||] else Array.sub values first count

    /// Each part with its own outputs, deviations and mask, and where its action begins.
    let split (policy: PlainPolicy) : (PlainPart * PlainPolicy * int) list =
        policy.Parts
        |> List.mapFold
            (fun (output, action, choice, deviation) part ->
                let outputs, actions, choices, deviations = sizes part

                let own =
                    {
                        Parts = [ part ]
                        Outputs = cut output outputs policy.Outputs
                        LogDeviations = cut deviation deviations policy.LogDeviations
                        Mask = if choices = 0 then [||] else cut choice choices policy.Mask
                    }

                (part, own, action), (output + outputs, action + actions, choice + choices, deviation + deviations))
            (0, 0, 0, 0)
        |> fst

    let private isPossible (policy: PlainPolicy) choice = policy.Mask.Length = 0 || policy.Mask[choice]

    /// ln π of the possible choices with their numbers.
    let private logChoices count (policy: PlainPolicy) : (int * Scalar)[] =
        let possible = [| 0 .. count - 1 |] |> Array.filter (isPossible policy)
        let largest = possible |> Array.map (fun choice -> policy.Outputs[choice].Value) |> Array.max
        let total = possible |> Array.map (fun choice -> Scalar.exp (policy.Outputs[choice] - largest)) |> Scalar.sum
        let logTotal = Scalar.log total + largest
        possible |> Array.map (fun choice -> choice, policy.Outputs[choice] - logTotal)

    /// struct (ln P(0), ln P(1)) of a bit that may be both.
    let private logBit (logit: Scalar) =
        let one = -(Scalar.log (1.0 + Scalar.exp -logit))
        let zero = -(Scalar.log (1.0 + Scalar.exp logit))
        struct (zero, one)

    let private freeBits count (policy: PlainPolicy) =
        [| 0 .. count - 1 |]
        |> Array.filter (fun bit -> isPossible policy (2 * bit) && isPossible policy (2 * bit + 1))

    let private sumOver (f: int -> Scalar) (indices: int[]) = indices |> Array.map f |> Scalar.sum

    /// ln π(a|s).
    let logProbability (policy: PlainPolicy) (action: float[]) : Scalar =
        split policy
        |> List.map (fun (part, own, first) ->
            match part with
            | Choice count -> logChoices count own |> Array.find (fst >> (=) (int action[first])) |> snd
            | Bits count ->
                freeBits count own
                |> sumOver (fun bit ->
                    let struct (zero, one) = logBit own.Outputs[bit]
                    if action[first + bit] = 1.0 then one else zero)
            | Normals count ->
                [| 0 .. count - 1 |]
                |> sumOver (fun i ->
                    let z = (action[first + i] - own.Outputs[i]) / Scalar.exp own.LogDeviations[i]
                    -0.5 * Scalar.square z - own.LogDeviations[i] - halfLogTwoPi))
        |> List.toArray
        |> Scalar.sum

    let private negativeShare (logProbability: Scalar) = -(Scalar.exp logProbability * logProbability)

    /// −∫ π ln π.
    let entropy (policy: PlainPolicy) : Scalar =
        split policy
        |> List.map (fun (part, own, _) ->
            match part with
            | Choice count -> logChoices count own |> Array.map (snd >> negativeShare) |> Scalar.sum
            | Bits count ->
                freeBits count own
                |> sumOver (fun bit ->
                    let struct (zero, one) = logBit own.Outputs[bit]
                    negativeShare zero + negativeShare one)
            | Normals count -> [| 0 .. count - 1 |] |> sumOver (fun i -> own.LogDeviations[i] + (0.5 + halfLogTwoPi)))
        |> List.toArray
        |> Scalar.sum

    /// KL(p ‖ q) of parts that are chosen.
    let klOf (isChosen: PlainPart -> bool) (p: PlainPolicy) (q: PlainPolicy) : Scalar =
        List.zip (split p) (split q)
        |> List.filter (fun ((part, _, _), _) -> isChosen part)
        |> List.map (fun ((part, p, _), (_, q, _)) ->
            match part with
            | Choice count ->
                Array.map2
                    (fun (_, logP: Scalar) (_, logQ: Scalar) -> Scalar.exp logP * (logP - logQ))
                    (logChoices count p)
                    (logChoices count q)
                |> Scalar.sum
            | Bits count ->
                freeBits count p
                |> sumOver (fun bit ->
                    let struct (zeroP, oneP) = logBit p.Outputs[bit]
                    let struct (zeroQ, oneQ) = logBit q.Outputs[bit]
                    Scalar.exp zeroP * (zeroP - zeroQ) + Scalar.exp oneP * (oneP - oneQ))
            | Normals count ->
                [| 0 .. count - 1 |]
                |> sumOver (fun i ->
                    let spread = Scalar.exp (2.0 * p.LogDeviations[i]) + Scalar.square (p.Outputs[i] - q.Outputs[i])

                    q.LogDeviations[i] - p.LogDeviations[i] + 0.5 * spread / Scalar.exp (2.0 * q.LogDeviations[i])
                    - 0.5))
        |> List.toArray
        |> Scalar.sum

    /// KL(p ‖ q).
    let kl p q = klOf (fun _ -> true) p q

    /// Weighted numbers w, x of which Σ w ∇x ∇xᵀ is the Fisher information E[∇ln π ∇ln πᵀ].
    let scores (policy: PlainPolicy) : (float * Scalar) list =
        let byShare (logShare: Scalar) = exp logShare.Value, logShare

        [
            for part, own, _ in split policy do
                match part with
                | Choice count ->
                    for _, logShare in logChoices count own do
                        byShare logShare
                | Bits count ->
                    for bit in freeBits count own do
                        let struct (zero, one) = logBit own.Outputs[bit]
                        byShare zero
                        byShare one
                | Normals count ->
                    for i in 0 .. count - 1 do
                        exp (-2.0 * own.LogDeviations[i].Value), own.Outputs[i]
                        2.0, own.LogDeviations[i]
        ]

    let isNormal part =
        match part with
        | Normals _ -> true
        | _ -> false

    /// The same numbers without what they were made of.
    let frozen (policy: PlainPolicy) =
        let constants = Array.map (Scalar.value >> Scalar.constant)
        { policy with Outputs = constants policy.Outputs; LogDeviations = constants policy.LogDeviations }

/// A dense layer: where its weights and biases lie in θ, and the scale and shift of its normalisation, if it has one.
type PlainLayer = { Weight: int; Bias: int; Inputs: int; Outputs: int; Normalisation: struct (int * int) voption }

/// An actor and a critic of tanh layers without anything shared, over one θ.
type PlainNetwork =
    {
        Parts: PlainPart list
        Actor: PlainLayer list
        Critic: PlainLayer list
        /// Where ln σ lies, and how many there are.
        Deviations: struct (int * int)
        /// Where the actor's elements end: those of the critic follow.
        ActorCount: int
        Count: int
    }

[<RequireQualifiedAccess>]
module PlainNetwork =

    /// The dense layer of a name.
    let layer (layout: Layout) (name: string) : PlainLayer =
        let weight, bias = layout[$"{name}/weight"], $"{name}/bias"
        let scale, shift = $"{name}/normalisation/scale", $"{name}/normalisation/shift"

        {
            Weight = weight.Offset
            // A twin of layers without biases has layers of its own.
            Bias = if layout.Contains bias then layout[bias].Offset else -1
            Inputs = weight.Shape[0]
            Outputs = weight.Shape[1]
            Normalisation =
                if layout.Contains scale then
                    ValueSome(struct (layout[scale].Offset, layout[shift].Offset))
                else
                    ValueNone
        }

    let private layers (layout: Layout) prefix hidden =
        [ for index in 0 .. hidden - 1 -> $"{prefix}/{index}" ] @ [ $"{prefix}/output" ]
        |> List.map (layer layout)

    /// Those of an actor; of implicit quantile networks first the layer of features and that of cosines.
    let private actorLayers (layout: Layout) (actor: Actor) =
        [
            if actor.Quantiles.IsSome then
                layer layout "trunk/output"
                layer layout "quantiles"

            yield! layers layout "actor" actor.Layers.Hidden.Length
        ]

    let private create (layout: Layout) (actor: Actor) (space: Space) critic actorCount =
        let name = "actor/logStandardDeviation"

        {
            Parts = PlainPolicy.partsOf space
            Actor = actorLayers layout actor
            Critic = critic
            Deviations =
                if layout.Contains name then
                    struct (layout[name].Offset, layout[name].Count)
                else
                    struct (0, 0)
            ActorCount = actorCount
            Count = layout.Count
        }

    /// That of a learner with a critic.
    let ofLearner (learner: Learner) : PlainNetwork =
        let network = LearnerNetwork.ofLearner learner
        let layout = ActorCritic.layout network
        let critic = layers layout "critic" network.Critic.Hidden.Length
        create layout network.Actor learner.Environment.ActionSpace critic (Actor.layout network.Actor).Count

    /// That of a learner without one.
    let ofSearcher (learner: Learner) : PlainNetwork =
        let layout = Actor.layout learner.Network
        create layout learner.Network learner.Environment.ActionSpace [] layout.Count

    /// x W + b.
    let dense (theta: Scalar[]) (layer: PlainLayer) (x: Scalar[]) : Scalar[] =
        Array.init layer.Outputs (fun output ->
            let weights = Array.init layer.Inputs (fun input -> theta[layer.Weight + input * layer.Outputs + output])
            Scalar.affine weights x theta[layer.Bias + output])

    /// (x − mean) / √(variance + ε), scaled and shifted, of layers that are normalised (Ba, Kiros and Hinton 2016).
    let private normalise (theta: Scalar[]) (layer: PlainLayer) (x: Scalar[]) =
        match layer.Normalisation with
        | ValueNone -> x
        | ValueSome(struct (scale, shift)) ->
            let mean = Scalar.mean x
            let centred = x |> Array.map (fun value -> value - mean)
            let variance = centred |> Array.map Scalar.square |> Scalar.mean
            let deviation = Scalar.exp (0.5 * Scalar.log (variance + 1e-5))
            centred |> Array.mapi (fun i value -> value / deviation * theta[scale + i] + theta[shift + i])

    /// What the last layer sees of an observation.
    let features (layers: PlainLayer list) (theta: Scalar[]) (observation: float[]) : Scalar[] =
        layers
        |> List.take (layers.Length - 1)
        |> List.fold
            (fun x layer -> dense theta layer x |> normalise theta layer |> Array.map Scalar.tanh)
            (Array.map Scalar.constant observation)

    let private apply layers theta observation = features layers theta observation |> dense theta (List.last layers)

    /// V(s).
    let value (network: PlainNetwork) (theta: Scalar[]) (observation: float[]) : Scalar =
        (apply network.Critic theta observation)[0]

    /// π(·|s).
    let policy (network: PlainNetwork) (theta: Scalar[]) (observation: float[]) (mask: bool[]) : PlainPolicy =
        let struct (first, count) = network.Deviations

        {
            Parts = network.Parts
            Outputs = apply network.Actor theta observation
            LogDeviations = Array.sub theta first count
            Mask = mask
        }
