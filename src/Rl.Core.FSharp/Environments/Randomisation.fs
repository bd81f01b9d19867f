/// What of a robot may differ from episode to episode, and within which bounds: domain randomisation as a value.
namespace Rl.Core.Environments

open System
open System.Globalization
open Rl.Core.Foundations

/// Between what a number is drawn, uniformly; equal bounds are one number.
[<Struct>]
type DrawRange =
    {
        Low: float
        High: float
    }

    override this.ToString() =
        let number (value: float) = value.ToString("R", CultureInfo.InvariantCulture)
        $"[{number this.Low}, {number this.High}]"

/// Bounds of what each episode of a robot draws for itself (Tobin et al. 2017; Peng et al. 2018). The first four are
/// factors of the model's own numbers.
type DynamicsRanges =
    {
        /// Of masses, and of moments of inertia with them. Above 0.
        Mass: DrawRange
        /// Of the coefficients of friction of all contacts. At least 0.
        Friction: DrawRange
        /// Of the damping of all joints. At least 0.
        Damping: DrawRange
        /// Of the forces of all actuators for the same control. At least 0.
        Strength: DrawRange
        /// Steps between an action and its taking effect, whole numbers in [0, 16]; before the first action controls
        /// are 0.
        ActionDelay: DrawRange
        /// The standard deviation of normal noise on each number of the observation (of `observation` alone where
        /// observations have parts), in its unit. At least 0.
        ObservationNoise: DrawRange
        /// The names of the bodies whose mass changes; none for all.
        Bodies: string list
        /// Whether observations have a further part, `privileged`: the numbers that were drawn, in the order above, and
        /// the observation without noise.
        ShowsPrivileged: bool
    }

/// Bounds and spaces of domain randomisation.
[<RequireQualifiedAccess>]
module DynamicsRanges =

    /// The most steps that an action may be late.
    [<Literal>]
    let LongestDelay = 16

    /// From low to high.
    let range (low: float) (high: float) : DrawRange = { Low = low; High = high }

    /// Everything as the model has it, without noise and delay.
    let none: DynamicsRanges =
        {
            Mass = range 1.0 1.0
            Friction = range 1.0 1.0
            Damping = range 1.0 1.0
            Strength = range 1.0 1.0
            ActionDelay = range 0.0 0.0
            ObservationNoise = range 0.0 0.0
            Bodies = []
            ShowsPrivileged = false
        }

    /// What is drawn, in its order, as `info` calls it.
    let names: string list = [ "mass"; "friction"; "damping"; "strength"; "action_delay"; "observation_noise" ]

    /// The parameters that bound them, as texts of the wrapper and errors call them.
    let parameters: string list = [ "mass"; "friction"; "damping"; "strength"; "actionDelay"; "observationNoise" ]

    /// The bounds in the order of `names`.
    let bounds (ranges: DynamicsRanges) : DrawRange list =
        [ ranges.Mass; ranges.Friction; ranges.Damping; ranges.Strength; ranges.ActionDelay; ranges.ObservationNoise ]

    /// Fails for bounds that are reversed or lie where nothing may lie, naming them.
    let check (ranges: DynamicsRanges) : unit =
        for name, own in List.zip parameters (bounds ranges) do
            if not (Double.IsFinite own.Low && Double.IsFinite own.High && own.Low <= own.High) then
                Guard.fail
                    name
                    $"{name} is {own}; it must be two finite numbers, the first not above the second, as in [0.5, 1.5]."

            if name = "mass" && own.Low <= 0.0 then
                Guard.fail name $"{name} is {own}; a factor of masses must be above 0."

            if own.Low < 0.0 then
                Guard.fail name $"{name} is {own}; neither number may be negative."

        let delay = ranges.ActionDelay

        if
            delay.Low <> Math.Floor delay.Low
            || delay.High <> Math.Floor delay.High
            || delay.High > float LongestDelay
        then
            Guard.fail
                "actionDelay"
                $"actionDelay is {delay}; it must be two whole numbers of steps from 0 to {LongestDelay}."

        match ranges.Bodies |> List.countBy id |> List.tryFind (fun (_, count) -> count > 1) with
        | Some(name, _) -> Guard.fail "bodies" $"bodies has \"{name}\" twice; name each body once."
        | None -> ()

    /// Draws one number of each, and the generator that follows.
    let internal draw (ranges: DynamicsRanges) (rng: Rng) (drawn: Span<float>) : Rng =
        let mutable rng = rng
        let mutable index = 0

        for own in bounds ranges do
            let struct (share, next) = Rng.uniform rng
            rng <- next

            drawn[index] <-
                if own.Low = own.High then
                    own.Low
                elif index = 4 then
                    Math.Min(own.High, own.Low + Math.Floor(share * (own.High - own.Low + 1.0)))
                else
                    own.Low + share * (own.High - own.Low)

            index <- index + 1

        rng

    /// Where the part with noise stands in an observation: its first number and how many there are.
    let internal noisy (space: Space) : struct (int * int) =
        match space with
        | Space.Dict entries ->
            let sizes = entries |> List.map (fun (_, part) -> part.Size)

            match entries |> List.tryFindIndex (fun (name, _) -> name = "observation") with
            | Some index -> struct (List.sum (List.truncate index sizes), sizes[index])
            | None -> struct (0, List.sum sizes)
        | _ -> struct (0, space.Size)

    /// The observations of a robot whose own are of `space`: with the privileged part behind them, if it is shown.
    let internal observations (ranges: DynamicsRanges) (space: Space) : Space =
        if not ranges.ShowsPrivileged then
            space
        else
            let struct (_, size) = noisy space
            let privileged = PrivilegedPart.Name, Space.unbounded [| names.Length + size |]

            match space with
            | Space.Dict entries -> Space.dict (entries @ [ privileged ])
            | _ -> Space.dict [ "observation", space; privileged ]
