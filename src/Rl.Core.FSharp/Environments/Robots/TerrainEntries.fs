/// The registry's entries of the robots on terrain.
namespace Rl.Core.Environments.Robots

open Rl.Core.Foundations
open Rl.Core.Environments

[<RequireQualifiedAccess>]
module internal TerrainEntries =

    let private kinds =
        [
            "flat", CourseKind.Flat
            "slopes", CourseKind.Slopes
            "stairs", CourseKind.Stairs
            "gaps", CourseKind.Gaps
            "hurdles", CourseKind.Hurdles
            "mixed", CourseKind.Mixed
        ]

    let private course (scale: float) : CourseOptions =
        {
            Kind = CourseKind.Mixed
            Difficulty = 1.0
            Rises = true
            Scale = scale
            First = -2.0
            Cell = 0.05
            Finish = 20.0
        }

    let private entry (summary: string) (standard: TerrainOptions) (task: TerrainOptions -> RobotTask) : RegistryEntry =
        {
            Id = standard.Settings.Id
            Summary = summary
            Keywords =
                [
                    Keyword.text "course" "mixed" (List.map fst kinds) "what the course has"
                    Keyword.number "difficulty" standard.Course.Difficulty "how large obstacles are, from 0 (flat) to 1"
                    Keyword.flag
                        "rising_difficulty"
                        standard.Course.Rises
                        "whether obstacles grow along the course, from a quarter of the difficulty to the whole"
                    RobotKeywords.frameSkip standard.Settings.FrameSkip
                    RobotKeywords.weight
                        "forward_reward_weight"
                        standard.ForwardRewardWeight
                        "for each m/s along the course"
                    RobotKeywords.weight "upright_reward_weight" standard.UprightRewardWeight "for an upright trunk"
                    RobotKeywords.weight "ctrl_cost_weight" standard.ControlCostWeight "for the squares of the controls"
                    RobotKeywords.noise standard.ResetNoiseScale
                ]
            Create =
                fun values ->
                    let number standard name = RobotKeywords.numberOr standard values name
                    let difficulty = Keyword.numberOf values "difficulty"
                    Guard.inRange "difficulty" 0.0 1.0 difficulty

                    let course =
                        { standard.Course with
                            Kind = Map.ofList kinds |> Map.find (Keyword.textOf values "course")
                            Difficulty = difficulty
                            Rises = Keyword.isSet values "rising_difficulty"
                        }

                    let skip = RobotKeywords.frameSkipOf values standard.Settings.FrameSkip

                    RobotEnvironment.create (
                        task
                            { standard with
                                Settings = { standard.Settings with FrameSkip = skip }
                                Course = course
                                ForwardRewardWeight = number standard.ForwardRewardWeight "forward_reward_weight"
                                UprightRewardWeight = number standard.UprightRewardWeight "upright_reward_weight"
                                ControlCostWeight = number standard.ControlCostWeight "ctrl_cost_weight"
                                ResetNoiseScale = number standard.ResetNoiseScale "reset_noise_scale"
                            }
                    )
        }

    let private biped =
        entry
            "Cross a course of slopes, stairs, gaps and hurdles on two legs in a plane."
            {
                Settings = RunnerEntries.settings "TerrainBiped-v0" "terrain_biped" 5 1000 nan View.Side 6.0 1
                Course = course 1.0
                ForwardRewardWeight = 10.0
                UprightRewardWeight = 0.5
                HeightCostWeight = 1.0
                ControlCostWeight = 0.1
                DeviationCostWeight = 0.0
                FallCost = 10.0
                LeastHeight = 0.6
                LeastUpright = 0.5
                ResetNoiseScale = 0.005
            }
            (fun options -> TerrainBipedTask options)

    let private quadruped =
        entry
            "Cross a course of slopes, stairs, gaps and hurdles on four legs."
            {
                Settings =
                    RunnerEntries.settings "TerrainQuadruped-v0" "terrain_quadruped" 5 1000 nan View.Oblique 4.0 1
                Course = course 0.5
                ForwardRewardWeight = 1.0
                UprightRewardWeight = 0.05
                HeightCostWeight = 0.0
                ControlCostWeight = 0.01
                DeviationCostWeight = 0.05
                FallCost = 0.0
                LeastHeight = 0.12
                LeastUpright = 0.3
                ResetNoiseScale = 0.02
            }
            (fun options -> TerrainQuadrupedTask options)

    let all: RegistryEntry list = [ biped; quadruped ]
