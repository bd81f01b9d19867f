/// Wrappers as values: what is to be changed about an environment, not yet bound to one.
namespace Rl.Core.Wrappers

open System
open System.Globalization
open Rl.Core.Foundations
open Rl.Core.Environments

/// Writes the transform of `source` into `destination`.
type RowTransform = delegate of source: ReadOnlySpan<float32> * destination: Span<float32> -> unit

/// A user's function with a name, by which it prints and compares; a file holds the name, not the function.
[<Sealed>]
type UserFunction<'Function>(name: string, space: Space option, transform: 'Function option) =
    do Guard.notNull (nameof name) name

    /// What it is called, in a file too.
    member _.Name = name
    /// The space that the function leads to (of observations) or comes from (of actions); none where it stays.
    member _.Space = space
    /// The function; none when a file was read.
    member _.Transform = transform

    override _.Equals other =
        match other with
        | :? UserFunction<'Function> as other -> other.Name = name && other.Space = space
        | _ -> false

    override _.GetHashCode() = HashCode.Combine(name, space)
    override _.ToString() = name

/// What a stack of frames holds before as many observations have been made.
[<RequireQualifiedAccess>]
type FramePadding =
    /// The first observation of the episode.
    | Reset
    /// Zeros.
    | Zero
    /// A given observation.
    | Value of float32[]

/// A wrapper of Gymnasium's list. `Wrapper.apply` binds a list of them to a batch of any environment.
[<RequireQualifiedAccess>]
type Wrapper =
    /// Cuts episodes after a number of steps.
    | TimeLimit of maxEpisodeSteps: int
    /// `EpisodeReturns` and `EpisodeLengths` are of the rewards and steps at this place, not of the environment's own.
    | RecordEpisodeStatistics
    /// (observation − mean) / √(variance + epsilon), by the running statistics of all copies.
    | NormalizeObservation of epsilon: float
    /// reward / √(variance of discounted returns + epsilon), by the running statistics of all copies.
    | NormalizeReward of discount: float * epsilon: float
    /// reward + scale / √n, n being how often a step of any copy has led to the same cell of observations: integers and
    /// bits by value, boxes by bins of equal width, one number or one an element. Evaluations have no bonus.
    | CountBonus of scale: float * bins: int[]
    /// reward + scale · e / σ, e being the error of a network that learns to predict what a fixed random one of the
    /// same width says of observations, and σ the running deviation of its discounted sums. Evaluations have no bonus.
    | RandomNetworkDistillation of scale: float * learningRate: float * width: int * seed: int
    | TransformObservation of UserFunction<RowTransform>
    | TransformReward of UserFunction<Func<float, float>>
    /// The function maps an action of the outer space to one of the inner.
    | TransformAction of UserFunction<RowTransform>
    /// Any numbers are actions; they are clipped to the box.
    | ClipAction
    | ClipReward of low: float * high: float
    /// Actions in [low, high], one bound or one an element, stand for the whole box of actions.
    | RescaleAction of low: float[] * high: float[]
    /// The whole box of observations is mapped to [low, high], one bound or one an element.
    | RescaleObservation of low: float[] * high: float[]
    /// The last `size` observations, the newest last; a new first axis.
    | FrameStackObservation of size: int * padding: FramePadding
    /// The time since the episode began, as a last element or, if not `isFlat`, as the entry "time" of a dictionary; in
    /// steps, or as a part of the time limit.
    | TimeAwareObservation of isFlat: bool * isNormalised: bool
    /// Observations `delay` steps old; zeros before.
    | DelayObservation of delay: int
    /// A vector for networks: `Space.encode`.
    | FlattenObservation
    /// Some entries of a dictionary, or parts of a tuple by number, in the space's order.
    | FilterObservation of names: string list
    | ReshapeObservation of shape: int[]
    /// 0.2125 red + 0.7154 green + 0.0721 blue; the axis of channels is left out or kept with length 1.
    | GrayscaleObservation of keepsChannel: bool
    /// Another height and width; each new pixel is the mean of the old ones over its area.
    | ResizeObservation of height: int * width: int
    /// Boxes of observations in bins of equal width, one number or one an element: as one integer (row-major) or as
    /// several.
    | DiscretizeObservation of bins: int[] * isMulti: bool
    /// Boxes of actions by the middles of bins of equal width, one number or one an element: as one integer (row-major)
    /// or as several.
    | DiscretizeAction of bins: int[] * isMulti: bool
    /// Takes each action `skip` times, adds the rewards, and shows the element-wise maximum of the last two
    /// observations.
    | MaxAndSkipObservation of skip: int
    /// Takes each action `count` times and adds the rewards.
    | RepeatAction of count: int
    /// With a probability an action is not taken but the one before, for `shortest` to `longest` steps.
    | StickyAction of probability: float * shortest: int * longest: int
    /// A robot's masses, friction, damping, strength, delay of actions and noise of observations are drawn anew for
    /// each episode (Tobin et al. 2017). It changes the robot itself, and stands next to it.
    | RandomizeDynamics of DynamicsRanges
    /// Refuses observations outside their space and actions outside theirs.
    | PassiveEnvironmentChecker
    /// Episodes begin in the step after the one that ends the last.
    | NextStepAutoreset

    /// For example `TimeLimit(maxEpisodeSteps = 200)`: equal texts, equal wrappers.
    override this.ToString() =
        let number (value: float) = value.ToString("R", CultureInfo.InvariantCulture)
        let list show values = $"""[{String.Join(", ", Seq.map show values)}]"""

        let print name (arguments: (string * string) list) =
            match arguments with
            | [] -> name
            | _ ->
                let shown = arguments |> List.map (fun (name, value) -> $"{name} = {value}")
                $"""{name}({String.Join(", ", shown)})"""

        let bounds low high = [ "low", list number low; "high", list number high ]

        let ofFunction (name: string) (space: Space option) =
            [
                "name", $"\"{name}\""
                match space with
                | Some space -> "space", string space
                | None -> ()
            ]

        let flag value = if value then "true" else "false"

        match this with
        | TimeLimit steps -> print "TimeLimit" [ "maxEpisodeSteps", string steps ]
        | RecordEpisodeStatistics -> print "RecordEpisodeStatistics" []
        | NormalizeObservation epsilon -> print "NormalizeObservation" [ "epsilon", number epsilon ]
        | NormalizeReward(discount, epsilon) ->
            print "NormalizeReward" [ "discount", number discount; "epsilon", number epsilon ]
        | CountBonus(scale, bins) -> print "CountBonus" [ "scale", number scale; "bins", list string bins ]
        | RandomNetworkDistillation(scale, rate, width, seed) ->
            print
                "RandomNetworkDistillation"
                [ "scale", number scale; "learningRate", number rate; "width", string width; "seed", string seed ]
        | TransformObservation f -> print "TransformObservation" (ofFunction f.Name f.Space)
        | TransformReward f -> print "TransformReward" (ofFunction f.Name f.Space)
        | TransformAction f -> print "TransformAction" (ofFunction f.Name f.Space)
        | ClipAction -> print "ClipAction" []
        | ClipReward(low, high) -> print "ClipReward" [ "low", number low; "high", number high ]
        | RescaleAction(low, high) -> print "RescaleAction" (bounds low high)
        | RescaleObservation(low, high) -> print "RescaleObservation" (bounds low high)
        | FrameStackObservation(size, padding) ->
            let padding =
                match padding with
                | FramePadding.Reset -> "reset"
                | FramePadding.Zero -> "zero"
                | FramePadding.Value values -> list (fun (value: float32) -> number (float value)) values

            print "FrameStackObservation" [ "size", string size; "padding", padding ]
        | TimeAwareObservation(isFlat, isNormalised) ->
            print "TimeAwareObservation" [ "isFlat", flag isFlat; "isNormalised", flag isNormalised ]
        | DelayObservation delay -> print "DelayObservation" [ "delay", string delay ]
        | FlattenObservation -> print "FlattenObservation" []
        | FilterObservation names -> print "FilterObservation" [ "names", list (sprintf "\"%s\"") names ]
        | ReshapeObservation shape -> print "ReshapeObservation" [ "shape", list string shape ]
        | GrayscaleObservation keeps -> print "GrayscaleObservation" [ "keepsChannel", flag keeps ]
        | ResizeObservation(height, width) ->
            print "ResizeObservation" [ "height", string height; "width", string width ]
        | DiscretizeObservation(bins, isMulti) ->
            print "DiscretizeObservation" [ "bins", list string bins; "isMulti", flag isMulti ]
        | DiscretizeAction(bins, isMulti) ->
            print "DiscretizeAction" [ "bins", list string bins; "isMulti", flag isMulti ]
        | MaxAndSkipObservation skip -> print "MaxAndSkipObservation" [ "skip", string skip ]
        | RepeatAction count -> print "RepeatAction" [ "count", string count ]
        | StickyAction(probability, shortest, longest) ->
            print
                "StickyAction"
                [ "probability", number probability; "shortest", string shortest; "longest", string longest ]
        | RandomizeDynamics ranges ->
            print
                "RandomizeDynamics"
                [
                    for name, own, standard in
                        List.zip3
                            DynamicsRanges.parameters
                            (DynamicsRanges.bounds ranges)
                            (DynamicsRanges.bounds DynamicsRanges.none) do
                        if own <> standard then name, string own

                    if not ranges.Bodies.IsEmpty then
                        "bodies", list (sprintf "\"%s\"") ranges.Bodies
                    if ranges.ShowsPrivileged then "privileged", "true"
                ]
        | PassiveEnvironmentChecker -> print "PassiveEnvironmentChecker" []
        | NextStepAutoreset -> print "NextStepAutoreset" []
