/// What an actor's outputs mean: a distribution over actions as a record of functions, in expressions for learning, on
/// spans for acting.
namespace Rl.Core.Acting

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Networks

/// What a network gives for observations [..., inputs].
type ActorOutput =
    {
        /// [..., outputs of the distribution]: logits, means or action values.
        Policy: Expr
        /// ln σ: [n] if it is a vector of parameters, [..., n] if it follows from the actor's features; none for most.
        LogStandardDeviation: Expr option
        /// The actor's features φ [..., f], for state-dependent exploration only.
        Features: Expr option
        /// V(s) [...] of a network with a critic; the number 0 of an actor alone.
        Value: Expr
    }

/// Rules out impossible choices in the outputs of one row; `possible` has one element a choice. Fails where a component
/// has none.
type MaskOutputs = delegate of possible: ReadOnlySpan<bool> * outputs: Span<float32> -> unit

/// Draws an action from the outputs and ln σ of one row: struct (its log-probability, the generator that follows).
type SampleAction =
    delegate of
        outputs: ReadOnlySpan<float32> * logDeviation: ReadOnlySpan<float32> * action: Span<float32> * rng: Rng ->
            struct (float32 * Rng)

/// Writes the action to take without exploring: the most probable one.
type ModeAction = delegate of outputs: ReadOnlySpan<float32> * action: Span<float32> -> unit

/// Choosing an action as expressions, of the outputs [..., outputs] and, where not every choice is possible, of a mask
/// [..., choices] that holds 1 for those that are, else 0.
[<NoEquality; NoComparison>]
type ActionChoice =
    {
        /// `ModeAction`: to actions [..., actionSize].
        Mode: Expr option -> ActorOutput -> Expr
        /// The uniform numbers in (0, 1) that an action is drawn from.
        Uniforms: int
        /// The standard normal numbers that an action is drawn from.
        Normals: int
        /// `SampleAction`: of uniform numbers [..., uniforms] and normal ones [..., normals] to actions [...,
        /// actionSize].
        Draw: Expr option -> ActorOutput -> struct (Expr * Expr) -> Expr
    }

/// Noise that stays for several steps in a number of rows.
[<AbstractClass>]
type ExplorationNoise() =
    /// Draws new noise with the actor's parameters in θ, row r from keys[r], which move on.
    abstract Draw: theta: float32[] * keys: Span<Rng> -> unit

    /// Writes the action of a row from its outputs, the features of all rows and its ln σ; returns its log-probability.
    abstract Act:
        row: int *
        outputs: ReadOnlySpan<float32> *
        allFeatures: ReadOnlySpan<float32> *
        logStandardDeviation: ReadOnlySpan<float32> *
        action: Span<float32> ->
            float32

/// How files name a distribution: what its module makes it from again.
type DistributionFormat = { Name: string; Sizes: int list; Numbers: float list; Parts: DistributionFormat list }

/// A distribution over actions. Actions are rows of float32: indices 0 … count − 1 of choices, bits, and numbers in the
/// units of the actor's `ActionMap`. Equal formats make equal distributions.
[<CustomEquality; NoComparison>]
type ActionDistribution =
    {
        Format: DistributionFormat
        /// Outputs that the network must have.
        Outputs: int
        /// Elements of an action.
        ActionSize: int
        /// Elements of an action mask: one a choice, 2 for yes or no, none for numbers.
        Choices: int
        /// Numbers whose ln σ is a vector of parameters, "logStandardDeviation".
        Deviations: int
        /// Parameters besides the network's, which lie behind those of the actor's layers.
        Parameters: Layout
        /// The independent distributions of a joint one; none for the others.
        Parts: ActionDistribution list
        /// From the parameters under "actor" and the features before the last layer: struct (ln σ, the features that
        /// noise is made of).
        Spread: Parameters -> Expr -> struct (Expr option * Expr option)
        /// The output with impossible choices ruled out: mask [..., choices] holds 1 for possible ones, else 0. Their
        /// probabilities are 0, their logits have derivative 0.
        MaskOutput: Expr -> ActorOutput -> ActorOutput
        /// The log-probabilities [M] of actions [M, actionSize], and the entropies [M].
        Evaluate: ActorOutput -> Expr -> struct (Expr * Expr)
        /// KL(p ‖ q) [M].
        Kl: ActorOutput -> ActorOutput -> Expr
        Mask: MaskOutputs
        Sample: SampleAction
        Mode: ModeAction
        /// `Mode` and `Sample` as expressions, for programs outside the library.
        Choice: ActionChoice
        /// Noise instead of `Sample`, for a layout of θ and a number of rows.
        Noise: (Layout -> int -> ExplorationNoise) option
    }

    override this.Equals(other: obj) =
        match other with
        | :? ActionDistribution as other -> this.Format = other.Format
        | _ -> false

    override this.GetHashCode() = hash this.Format
    override this.ToString() = $"%A{this.Format}"

/// What distributions are made of.
[<RequireQualifiedAccess>]
module ActionDistribution =

    /// The log-odds that stands for an impossible choice: its probability is 0 at float32 and float64.
    [<Literal>]
    let internal Never = -1e8

    /// The name of the block of ln σ.
    [<Literal>]
    let internal DeviationBlock = "logStandardDeviation"

    let internal deviationOf (output: ActorOutput) =
        match output.LogStandardDeviation with
        | Some logStandardDeviation -> logStandardDeviation
        | None -> Guard.fail (nameof output) "The network's output has no log standard deviation."

    /// Cuts the last axis (of one element a row, if there is none) from `start` on.
    let internal cut start length (x: Expr) =
        if start = 0 && length = x.Shape[x.Rank - 1] then
            x
        else
            Expr.slice -1 start (start + length) x

    /// The choice of a distribution that draws nothing: its samples are its mode.
    let internal undrawn (mode: Expr option -> ActorOutput -> Expr) : ActionChoice =
        { Mode = mode; Uniforms = 0; Normals = 0; Draw = fun mask output _ -> mode mask output }

    /// Means and ln σ, of which actions are drawn by a normal number for each; `squash` is what becomes of either.
    let internal drawnNormal
        (count: int)
        (ofOutput: ActorOutput -> struct (Expr * Expr))
        (squash: Expr -> Expr)
        : ActionChoice =
        {
            Mode =
                fun _ output ->
                    let struct (mean, _) = ofOutput output
                    squash mean
            Uniforms = 0
            Normals = count
            Draw =
                fun _ output (struct (_, normal)) ->
                    let struct (mean, logStandardDeviation) = ofOutput output
                    squash (mean + Expr.exp logStandardDeviation * normal)
        }

    let internal requireChoice (possible: ReadOnlySpan<bool>) =
        if not (possible.Contains true) then
            Guard.fail "mask" "mask allows no choice of a component of the action; at least one must be possible."

    /// No ln σ, no features.
    let internal noSpread (_: Parameters) (_: Expr) : struct (Expr option * Expr option) = struct (None, None)

    /// ln σ as a vector of parameters.
    let internal ownSpread (parameters: Parameters) (_: Expr) : struct (Expr option * Expr option) =
        struct (Some(Parameters.block DeviationBlock parameters), None)

    /// The layout of ln σ [shape], starting at a number.
    let internal deviationLayout shape (initial: float) =
        Layout.empty |> Layout.add DeviationBlock shape (Initialiser.Constant initial)

    /// A distribution without choices, parameters and parts; its functions refuse what it has not.
    let internal numbers (format: DistributionFormat) (outputs: int) (count: int) : ActionDistribution =
        let refuse what = Guard.fail "distribution" $"A {format.Name} policy has no {what}."

        {
            Format = format
            Outputs = outputs
            ActionSize = count
            Choices = 0
            Deviations = 0
            Parameters = Layout.empty
            Parts = []
            Spread = noSpread
            MaskOutput = fun _ output -> output
            Evaluate = fun _ _ -> refuse "log-probabilities"
            Kl = fun _ _ -> refuse "divergences"
            Mask = MaskOutputs(fun _ _ -> ())
            Sample = SampleAction(fun _ _ _ _ -> refuse "samples")
            Mode = ModeAction(fun outputs action -> outputs.Slice(0, count).CopyTo action)
            Choice = undrawn (fun _ output -> cut 0 count output.Policy)
            Noise = None
        }

    /// Each part of a joint distribution with where its outputs, actions, choices and deviations begin.
    let internal places (parts: ActionDistribution list) =
        let starts size = parts |> List.map size |> List.scan (+) 0 |> List.take parts.Length

        List.zip
            (List.zip parts (starts _.Outputs))
            (List.zip3 (starts _.ActionSize) (starts _.Choices) (starts _.Deviations))

    /// The outputs of one part of a joint distribution.
    let internal partOutput (part: ActionDistribution) outputs deviations (output: ActorOutput) =
        { output with
            Policy = cut outputs part.Outputs output.Policy
            LogStandardDeviation =
                if part.Deviations = 0 then
                    None
                else
                    Option.map (cut deviations part.Deviations) output.LogStandardDeviation
        }

    /// Some parts side by side and those within them, each with its own outputs.
    let rec internal partsIn (parts: ActionDistribution list) (output: ActorOutput) =
        places parts
        |> List.collect (fun ((part, outputs), (_, _, deviations)) ->
            partsOf part (partOutput part outputs deviations output))

    /// The parts of a joint distribution and of those within it, each with its own outputs; any other with its outputs.
    and partsOf (distribution: ActionDistribution) (output: ActorOutput) : (ActionDistribution * ActorOutput) list =
        match distribution.Parts with
        | [] -> [ distribution, output ]
        | parts -> partsIn parts output
