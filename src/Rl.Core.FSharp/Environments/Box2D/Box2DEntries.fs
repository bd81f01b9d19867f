/// The registry's entries of the environments with rigid bodies.
namespace Rl.Core.Environments.Box2D

open Rl.Core.Environments

[<RequireQualifiedAccess>]
module internal Box2DEntries =

    let private lunarLander (options: LunarLanderOptions) =
        {
            Id = options.Id
            Summary =
                if options.IsContinuous then
                    "Land between two flags on the moon with two throttles."
                else
                    "Land between two flags on the moon, firing one engine at a time."
            Keywords =
                [
                    Keyword.flag "continuous" options.IsContinuous "two throttles instead of one engine at a time"
                    Keyword.number "gravity" options.Gravity "m/s², between -12 and 0"
                    Keyword.flag "enable_wind" options.EnableWind "wind and turbulence until a leg touches the ground"
                    Keyword.number "wind_power" options.WindPower "the wind's greatest force; 0 to 20 is recommended"
                    Keyword.number
                        "turbulence_power"
                        options.TurbulencePower
                        "the turbulence's greatest torque; 0 to 2 is recommended"
                ]
            Create =
                fun values ->
                    AnyEnvironment.Pack(
                        LunarLander
                            { options with
                                IsContinuous = Keyword.isSet values "continuous"
                                Gravity = Keyword.numberOf values "gravity"
                                EnableWind = Keyword.isSet values "enable_wind"
                                WindPower = Keyword.numberOf values "wind_power"
                                TurbulencePower = Keyword.numberOf values "turbulence_power"
                            }
                    )
        }

    let private bipedalWalker (options: BipedalWalkerOptions) =
        {
            Id = options.Id
            Summary =
                if options.IsHardcore then
                    "Walk on two legs over stumps, stairs and pits."
                else
                    "Walk on two legs over uneven grass."
            Keywords =
                [ Keyword.flag "hardcore" options.IsHardcore "stumps, stairs and pits; the id's time limit stays" ]
            Create =
                fun values ->
                    AnyEnvironment.Pack(BipedalWalker { options with IsHardcore = Keyword.isSet values "hardcore" })
        }

    /// Every environment of this family.
    let all: RegistryEntry list =
        [
            lunarLander LunarLander.V3
            lunarLander LunarLander.ContinuousV3
            bipedalWalker BipedalWalker.V3
            bipedalWalker BipedalWalker.HardcoreV3
        ]

    /// Ids of older versions.
    let older: OlderId list =
        let windNotice = "version 3 draws the wind's course anew in each episode and otherwise is the same"

        [
            { Older = "LunarLander-v2"; Newer = LunarLander.V3.Id; Difference = windNotice }
            { Older = "LunarLanderContinuous-v2"; Newer = LunarLander.ContinuousV3.Id; Difference = windNotice }
        ]
